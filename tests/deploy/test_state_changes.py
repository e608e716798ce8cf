"""What a new commit does to the states that a service keeps."""

from __future__ import annotations

from pathlib import Path

import pytest

from headrace.deploy.deployments import Deployment, release_folder
from headrace.deploy.identity import RepositoryIdentity
from headrace.deploy.state_changes import state_changes
from headrace.errors import RefusedError
from headrace.spec import StreamDocument, StreamSpec, to_yaml

COLUMNS = {"sum": "int64", "at": "datetime64[us, UTC]"}


def document(columns: dict[str, str], *, key: str = "k", state: str = "totals") -> StreamDocument:
    spec = StreamSpec(name="kept", source="in", sinks=("out",), key=key, states=(state,))
    return StreamDocument(spec=spec, input={"k": "str"}, states={state: columns})


def deployment(commit: str, columns: dict[str, str], *, key: str = "k") -> Deployment:
    return Deployment(
        service="kept",
        commit=commit * 40,
        repository=RepositoryIdentity(root="0" * 40, place="0" * 16, remote=""),
        cluster="local",
        source="in",
        sink="out",
        replicas=1,
        start={0: 0},
        key=key,
        states={"totals": columns} if columns else {},
    )


def changes(new: StreamDocument, *history: Deployment) -> list[str]:
    return list(state_changes(new, history or (deployment("1", COLUMNS),)))


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No service of this machine."""
    monkeypatch.setenv("HEADRACE_HOME", str(tmp_path / "home"))


def test_the_same_columns_need_no_word() -> None:
    assert changes(document(COLUMNS)) == []


@pytest.mark.parametrize("dtype", ["float64", "Int64", "boolean", "str"])
def test_a_new_column_that_knows_null_is_said(dtype: str) -> None:
    said = changes(document({**COLUMNS, "mean": dtype}))
    assert said == ["the state totals has a new column mean: null for keys of before"]


REFUSED = [
    ({"sum": "int64"}, "lost its column `at`"),
    ({**COLUMNS, "sum": "float64"}, "was int64 and is float64"),
    ({**COLUMNS, "rows": "int64"}, "new column `rows` of int64"),
    ({**COLUMNS, "big": "bool"}, "new column `big` of bool"),
]


@pytest.mark.parametrize(("columns", "said"), REFUSED)
def test_what_does_not_fit_is_refused(columns: dict[str, str], said: str) -> None:
    with pytest.raises(RefusedError, match=said):
        changes(document(columns))


@pytest.mark.parametrize(("columns", "said"), REFUSED)
def test_deployments_without_columns_do_not_count(columns: dict[str, str], said: str) -> None:
    with pytest.raises(RefusedError, match=said):
        changes(document(columns), deployment("1", COLUMNS), deployment("2", {}), deployment("3", {}, key="other"))


def test_a_record_of_before_columns_were_noted_has_them_in_its_release() -> None:
    folder = release_folder("kept", "1" * 40) / "streams" / "kept"
    folder.mkdir(parents=True)
    (folder / "stream.yaml").write_text(to_yaml(document(COLUMNS)), encoding="utf-8")
    with pytest.raises(RefusedError, match="lost its column `at`"):
        changes(document({"sum": "int64"}), deployment("1", {}), deployment("2", {}))


def test_a_state_without_pinned_columns_is_refused() -> None:
    nothing = document(COLUMNS).model_copy(update={"states": {}})
    with pytest.raises(RefusedError, match=r"the sample gave no state.*Take a sample in which records pass"):
        list(state_changes(nothing, ()))
    assert list(state_changes(document({}), ())) == []  # rows without columns: which keys there were


def test_another_name_begins_with_an_empty_state() -> None:
    (said,) = changes(document({"sum": "float64"}, state="sums"))
    assert "no longer declared" in said


def test_another_key_begins_anew() -> None:
    (said,) = changes(document({"sum": "float64"}, key="other"))
    assert said.startswith("the states begin anew: they were kept by k")

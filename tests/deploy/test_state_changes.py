"""What a new commit does to the states that a service keeps."""

from __future__ import annotations

from pathlib import Path

import pytest

from headrace.deploy.deployments import Deployment, write_deployment
from headrace.deploy.identity import RepositoryIdentity
from headrace.deploy.state_changes import state_changes
from headrace.errors import RefusedError
from headrace.spec import StreamDocument, StreamSpec, to_yaml

COLUMNS = {"sum": "int64", "at": "datetime64[us, UTC]"}


def document(columns: dict[str, str], *, key: str = "k", state: str = "totals") -> StreamDocument:
    spec = StreamSpec(name="kept", source="in", sinks=("out",), key=key, states=(state,))
    return StreamDocument(spec=spec, input={"k": "str"}, states={state: columns})


@pytest.fixture(autouse=True)
def deployed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service whose state has two columns."""
    monkeypatch.setenv("HEADRACE_HOME", str(tmp_path / "home"))
    folder = tmp_path / "release"
    folder.mkdir()
    (folder / "stream.yaml").write_text(to_yaml(document(COLUMNS)), encoding="utf-8")
    repository = RepositoryIdentity(root="0" * 40, place="0" * 16, remote="")
    write_deployment(
        Deployment(
            service="kept",
            commit="1" * 40,
            repository=repository,
            cluster="local",
            source="in",
            sink="out",
            replicas=1,
            start={0: 0},
            folder=str(folder),
        )
    )


def test_the_same_columns_need_no_word() -> None:
    assert list(state_changes(document(COLUMNS))) == []


def test_a_new_column_that_knows_null_is_said() -> None:
    said = list(state_changes(document({**COLUMNS, "mean": "float64"})))
    assert said == ["the state totals has a new column mean: null for keys of before"]


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"sum": "int64"}, "lost its column `at`"),
        ({**COLUMNS, "sum": "float64"}, "was int64 and is float64"),
        ({**COLUMNS, "rows": "int64"}, "new column `rows` of int64"),
        ({**COLUMNS, "big": "bool"}, "new column `big` of bool"),
    ],
)
def test_what_does_not_fit_is_refused(columns: dict[str, str], said: str) -> None:
    with pytest.raises(RefusedError, match=said):
        list(state_changes(document(columns)))


def test_another_name_begins_with_an_empty_state() -> None:
    (said,) = state_changes(document({"sum": "float64"}, state="sums"))
    assert "no longer declared" in said


def test_another_key_begins_anew() -> None:
    (said,) = state_changes(document({"sum": "float64"}, key="other"))
    assert said.startswith("the states begin anew: they were kept by k")

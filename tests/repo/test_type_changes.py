"""Types that the records change under a cell that stays as it was: the next commit says so."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner

from headrace.cli.main import cli
from headrace.kafka.clients import producer
from headrace.kafka.clusters import Cluster
from headrace.kafka.inference import InferredTypes, infer_from_values
from headrace.repo.type_changes import type_changes
from headrace.spec import ColumnType, StreamDocument, StreamSpec, read_document
from notebook_files import write_notebook


def document(dtype: ColumnType, **spec: object) -> StreamDocument:
    declared = StreamSpec.model_validate({"name": "s", "source": "in", "sinks": ("out",), **spec})
    return StreamDocument(spec=declared, input={"amount": dtype})


def inferred(*values: object) -> InferredTypes:
    return infer_from_values([orjson.dumps({"other": 1} if value is ... else {"amount": value}) for value in values])


@pytest.mark.parametrize(
    ("before", "now", "values", "said"),
    [
        ("int64", "int64", (1,), None),
        ("int64", "object", (1, "x", 2, "y"), "object now: 2 of 4 records hold text"),
        ("int64", "float64", (1, None, ...), "float64 now: 2 of 3 records hold null"),
        ("int64", "object", (1, "x", [2], 3), "object now: 1 of 4 records hold text and 1 arrays"),
        ("float64", "object", (1, 1.5, None, {}), "object now: 1 of 4 records hold objects"),
    ],
)
def test_what_the_records_hold_is_counted(
    before: ColumnType, now: ColumnType, values: tuple[object, ...], said: str | None
) -> None:
    advice = f"--type amount={before} keeps it and makes dead letters of those that do not fit"
    expected = [] if said is None else [f"amount was {before} in the last commit and is {said}; {advice}"]
    assert list(type_changes(document(before), document(now), inferred(*values))) == expected


def test_where_no_record_speaks_against_the_former_type_nothing_is_counted() -> None:
    (narrower,) = type_changes(document("object"), document("int64"), inferred(1, 2))
    assert narrower == "amount was object in the last commit and is int64 now; --type amount=object keeps it"
    (unknown,) = type_changes(document("int64"), document("str"), InferredTypes(columns={}, never_null=(), records=0))
    assert unknown.endswith("is str now; --type amount=int64 keeps it")


@pytest.mark.parametrize(
    "changed", [{"types": {"amount": "object"}}, {"time": "amount"}, {"source": "elsewhere"}, {"format": "avro"}]
)
def test_what_the_cell_says_needs_no_warning(changed: dict[str, object]) -> None:
    assert list(type_changes(document("int64"), document("object", **changed), inferred(1, "x"))) == []


def test_a_commit_warns_of_a_type_that_odd_records_changed(
    project: Path, cluster: Cluster, make_topic: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADRACE_CLUSTER", cluster.name)
    monkeypatch.chdir(project)
    topic = make_topic("amounts", 1)
    line = f"%%stream kept --from {topic} --to {topic}.kept --sample first:5"
    notebook = write_notebook(project / "n.ipynb", f"{line}\ndf\n")

    def send(*amounts: object) -> None:
        sender = producer(cluster, purpose="test")
        for amount in amounts:
            sender.produce(topic, orjson.dumps({"amount": amount}))
        assert sender.flush(30) == 0

    def commit(*words: str) -> tuple[list[str], str]:
        result = CliRunner().invoke(cli, ["commit", str(notebook), "kept", "--json", *words])
        assert result.exit_code == 0, (result.output, result.exception)
        return list(json.loads(result.stdout)["warnings"]), result.stderr

    send(*range(10))
    assert commit() == ([], "")
    send("odd", "odder")
    warning = (
        "amount was int64 in the last commit and is object now: 2 of 12 records hold text; "
        "--type amount=int64 keeps it and makes dead letters of those that do not fit"
    )
    assert commit("--dry-run") == ([warning], f"Dry run: nothing is committed.\nwarning: {warning}\n")
    assert commit() == ([warning], f"warning: {warning}\n")
    assert read_document(project / "streams" / "kept").input == {"amount": "object"}
    write_notebook(notebook, f"{line} --type amount=int64\ndf\n")
    assert commit() == ([], "")

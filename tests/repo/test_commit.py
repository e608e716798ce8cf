"""From a notebook's cell to a tested commit, on a real broker."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner, Result

from headrace.cli.main import cli
from headrace.engine.function import compile_body
from headrace.errors import DirtyFolderError, ProofError, RefusedError, UnknownNameError
from headrace.kafka.clients import producer
from headrace.kafka.clusters import Cluster
from headrace.kafka.inference import infer_types
from headrace.kafka.pins import pinned_sample
from headrace.kafka.topics import create_topic
from headrace.proof import previews
from headrace.proof.examine import examine
from headrace.proof.preview import preview
from headrace.repo.commit import commit
from headrace.repo.notebook import find_stream
from headrace.repo.testing import test_streams as run_tests
from headrace.spec import read_document
from notebook_files import write_notebook

Git = Callable[..., str]
BODY = "flown = df[df.delay.notna()]\nflown.assign(late=flown.delay > LATE_MINUTES)\n"
CELLS = ["import pandas as pd\nLATE_MINUTES = 15"]


@pytest.fixture(scope="module")
def topic(cluster: Cluster) -> str:
    """200 records: every tenth without a delay, three not JSON, one of the wrong type."""
    assert create_topic(cluster, "delays", 4)
    sender = producer(cluster, purpose="test")
    for number in range(200):
        value = {
            "id": number,
            "delay": None if number % 10 == 0 else number % 40,
            "origin": "JFK" if number % 2 else "LGA",
        }
        sender.produce("delays", orjson.dumps(value), key=str(number % 7))
    for bad in (b"{", b"not json", b"\xff\xfe"):
        sender.produce("delays", bad)
    assert sender.flush(30) == 0
    return "delays"


@pytest.fixture
def notebook(project: Path, topic: str, broker: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HEADRACE_CLUSTER", broker)
    monkeypatch.chdir(project)
    return write_notebook(project / "n.ipynb", *CELLS, _cell(topic))


def _cell(topic: str, body: str = BODY) -> str:
    return f"%%stream late --from {topic} --to {topic}.late --key origin --sample first:500\n{body}"


def _preview(notebook: Path, cluster: Cluster, **namespace: Any) -> None:
    """Preview the cell as a kernel with these names would."""
    stream = find_stream(notebook, "late")
    assert stream.spec is not None
    sample = pinned_sample(cluster, stream.spec.source, "first:500")
    function = compile_body(stream.body, filename="<cell>", namespace={"__name__": "kernel", **namespace})
    found = examine(stream.spec, function, infer_types(cluster, stream.spec.source), sample.records)
    previews.save(preview(found, sample, notebook=notebook, body=stream.body))


def _run(*words: str) -> Result:
    return CliRunner().invoke(cli, words)


def test_what_is_committed_is_proved_and_tests_itself(notebook: Path, cluster: Cluster, git: Git) -> None:
    _preview(notebook, cluster, LATE_MINUTES=15)
    (notebook.parent / "mine.txt").write_text("mine\n")
    git("add", "mine.txt")
    result = commit(notebook, "late")
    assert result.commit == git("rev-parse", "HEAD").strip()
    assert result.branch == "main"
    assert result.message.splitlines()[0] == "late: 203 -> 180 records, 3 failed, +late"
    assert git("log", "-1", "--format=%s").strip() == result.message.splitlines()[0]
    folder = notebook.parent / "streams" / "late"
    assert set(result.files) == {
        *(f"streams/late/{name}" for name in ("stream.yaml", "transform.py", "requirements.txt")),
        *(f"streams/late/tests/{name}" for name in ("test_transform.py", "input.jsonl", "expected.jsonl")),
        "headrace.toml",
        ".github/workflows/streams.yml",
    }
    assert sorted(git("show", "--format=", "--name-only", "HEAD").split()) == sorted(result.files)
    assert git("status", "--porcelain").split() == ["A", "mine.txt", "??", "n.ipynb"]
    document = read_document(folder)
    assert document.proof is not None
    assert (document.proof.equal, document.proof.rows_in, document.proof.failed) == (True, 203, 3)
    assert document.output == {"id": "int64", "delay": "float64", "origin": "str", "late": "bool"}
    requirements = (folder / "requirements.txt").read_text().split()
    assert [line.partition("==")[0] for line in requirements] == ["pandas"]
    expected = [json.loads(line) for line in (folder / "tests/expected.jsonl").read_text().splitlines()]
    assert 3 < len(expected) <= 30
    assert {"error"} < {key for line in expected for key in line}
    assert any(line.get("output") == [] for line in expected)
    assert {output["value"]["late"] for line in expected for output in line.get("output", [])} == {True, False}
    tests = run_tests(notebook.parent)
    assert (tests.passed, tests.failed) == (4, 0)
    assert git("status", "--porcelain").split() == ["A", "mine.txt", "??", "n.ipynb"]

    again = commit(notebook, "late")
    assert (again.commit, again.files) == (result.commit, ())

    changed = folder / "transform.py"
    changed.write_text(changed.read_text().replace("> LATE_MINUTES", ">= LATE_MINUTES + 1"))
    assert run_tests(folder).failed == 0
    changed.write_text(changed.read_text().replace(">= LATE_MINUTES + 1", "< LATE_MINUTES"))
    assert run_tests(folder).failed > 0
    assert _run("test", "--json").exit_code == 1
    write_notebook(notebook, "LATE_MINUTES = 20", _cell("delays"))
    _preview(notebook, cluster, LATE_MINUTES=20)
    with pytest.raises(DirtyFolderError, match=r"transform\.py"):
        commit(notebook, "late")


def test_a_stream_with_several_topics_is_committed(notebook: Path, cluster: Cluster, git: Git) -> None:
    """Each topic is compared by itself; the committed tests tell a row that goes to another topic."""
    body = '{"big": df[df.delay > 15], "small": df[df.delay <= 15]}\n'
    write_notebook(notebook, f"%%stream late --from delays --to big --to small --key origin --sample first:500\n{body}")
    _preview(notebook, cluster)
    assert commit(notebook, "late").commit == git("rev-parse", "HEAD").strip()
    folder = notebook.parent / "streams" / "late"
    document = read_document(folder)
    assert document.proof is not None
    assert (document.proof.equal, document.proof.rows_out) == (True, 180)
    expected = [json.loads(line) for line in (folder / "tests/expected.jsonl").read_text().splitlines()]
    assert {output["to"] for line in expected for output in line.get("output", [])} == {"big", "small"}
    tests = run_tests(folder)
    assert (tests.passed, tests.failed) == (4, 0)
    changed = folder / "transform.py"
    changed.write_text(
        changed.read_text().replace("df.delay > 15", "~(df.delay > 15)").replace("df.delay <= 15", "df.delay > 15")
    )
    assert run_tests(folder).failed > 0


def test_a_kernel_that_holds_another_value_is_found_out(notebook: Path, cluster: Cluster, git: Git) -> None:
    _preview(notebook, cluster, LATE_MINUTES=30)
    with pytest.raises(ProofError, match="preview"):
        commit(notebook, "late")
    assert git("rev-list", "--all") == ""
    assert not (notebook.parent / "streams").exists()


def test_a_name_that_no_cell_defines_is_refused(notebook: Path, git: Git) -> None:
    write_notebook(notebook, "import pandas as pd", _cell("delays"))
    with pytest.raises(UnknownNameError, match="`LATE_MINUTES`"):
        commit(notebook, "late")
    assert git("rev-list", "--all") == ""


def test_a_cell_that_differs_is_refused(notebook: Path, git: Git) -> None:
    write_notebook(notebook, _cell("delays", "df.assign(total=df.id.cumsum())"))
    with pytest.raises(RefusedError, match="`late` gives another result on a stream"):
        commit(notebook, "late")
    assert git("rev-list", "--all") == ""


def test_a_cell_that_fails_on_every_record_is_refused(notebook: Path, git: Git) -> None:
    write_notebook(notebook, _cell("delays", "x = 1\ndf[df.nowhere > x]"))
    refused = _run("commit", str(notebook), "late", "--json")
    assert refused.exit_code == 1
    for words in (
        "every record of the sample",
        "AttributeError",
        "no attribute 'nowhere'",
        "`return df[df.nowhere > x]`",
    ):
        assert words in str(refused.exception) + refused.stderr, words
    assert git("rev-list", "--all") == ""
    checked = _run("check", str(notebook), "late", "--json")
    assert checked.exit_code == 1
    found = json.loads(checked.stdout)
    assert (found["all_failed"], found["refused"], found["failed"], found["equal"]) == (True, False, 203, None)
    assert "df[df.nowhere > x]" in found["reason"]
    assert "late: fails (203 -> 0, 0 filtered, 203 failed)" in _run("check", str(notebook), "late").stdout


def test_a_cell_that_filters_all_of_the_sample_out_is_committed(notebook: Path) -> None:
    write_notebook(notebook, _cell("delays", "df[df.delay > 1000]"))
    checked = _run("check", str(notebook), "late", "--json")
    assert (checked.exit_code, json.loads(checked.stdout)["all_failed"]) == (0, False)
    assert commit(notebook, "late").commit


def test_the_commands_exit_statuses_and_keys(notebook: Path, git: Git) -> None:
    checked = _run("check", str(notebook), "late", "--json")
    assert checked.exit_code == 0, checked.output
    found = json.loads(checked.stdout)
    assert {"stream", "rows_in", "rows_out", "filtered", "failed", "equal", "difference", "suggestion"} < found.keys()
    assert {"rewrite", "reason"} < found.keys()
    assert [found[key] for key in ("rows_in", "rows_out", "filtered", "failed", "equal")] == [203, 180, 20, 3, True]
    dry = _run("commit", str(notebook), "late", "--dry-run", "--json")
    assert dry.exit_code == 0, dry.output
    assert json.loads(dry.stdout)["commit"] is None
    assert git("rev-list", "--all") == ""
    made = _run("commit", str(notebook), "late", "-m", "My own words", "--json")
    assert json.loads(made.stdout).keys() == {"commit", "branch", "files", "message", "warnings"}
    assert git("log", "-1", "--format=%s").strip() == "My own words"
    bodies = ["df.assign(total=df.id.cumsum())", "df[df.x > NOPE]"]
    cells = [
        _cell("delays", body).replace("late", name, 1) for name, body in zip(("sums", "nope"), bodies, strict=True)
    ]
    write_notebook(notebook, *CELLS, *cells, _cell("delays"))
    every = _run("check", str(notebook), "--json")
    assert every.exit_code == 1
    by_name = {each["stream"]: each for each in json.loads(every.stdout)}
    assert {name: each["equal"] for name, each in by_name.items()} == {"sums": False, "nope": None, "late": True}
    assert by_name["sums"]["difference"].keys() >= {"partition", "offset", "column", "whole", "split"}
    assert "`NOPE`" in by_name["nope"]["reason"]


def test_errors_are_one_line_and_a_status(notebook: Path) -> None:
    words = {
        2: ["commit", str(notebook)],
        1: ["check", str(notebook), "other"],
    }
    for status, command in words.items():
        done = subprocess.run([sys.executable, "-m", "headrace", *command], capture_output=True, text=True, check=False)
        assert done.returncode == status
        assert "Traceback" not in done.stderr
        assert not done.stdout


def test_the_slice_is_told_where_the_topic_is_missing(notebook: Path) -> None:
    write_notebook(notebook, *CELLS, _cell("delayz"))
    with pytest.raises(Exception, match="delayz"):
        commit(notebook, "late")

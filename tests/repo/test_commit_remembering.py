"""Cells that look back or take windows: checked, committed, tested and run, by the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import orjson
import pandas as pd
import pytest
from click.testing import CliRunner

from headrace.cli.main import cli
from headrace.kafka.clients import producer
from headrace.kafka.clusters import Cluster
from headrace.repo.testing import test_streams as run_tests
from headrace.spec import read_document
from notebook_files import write_notebook

COUNT = 400
START = pd.Timestamp("2026-01-01", tz="UTC")
MEANS = """
by_sensor = df.sort_values("sensor", kind="stable")
mean = by_sensor.groupby("sensor").rolling("1h", on="at")["x"].mean()
by_sensor.assign(mean=mean.to_numpy()).sort_index()
"""
TOTALS = """
added = df.groupby("sensor")["x"].cumsum()
before = totals["sum"].reindex(df["sensor"]).fillna(0).to_numpy() if "sum" in totals else 0
out = df.assign(total=added + before)
totals = out.groupby("sensor")[["total"]].last().rename(columns={"total": "sum"})
out
"""
SUMS = 'df.groupby(["window_start", "sensor"])["x"].agg(["sum", "size"]).reset_index()'


@pytest.fixture
def topic(cluster: Cluster, make_topic: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> str:
    """Readings of three sensors, one a minute, each sensor in its partition."""
    monkeypatch.setenv("HEADRACE_CLUSTER", cluster.name)
    name = make_topic("readings")
    sender = producer(cluster, purpose="test")
    for number in range(COUNT):
        sensor = f"s{number % 3}"
        at = (START + pd.Timedelta(minutes=number)).isoformat()
        sender.produce(name, orjson.dumps({"sensor": sensor, "at": at, "x": number}), key=sensor)
    assert sender.flush(30) == 0
    return name


def command(*words: str) -> dict[str, object]:
    result = CliRunner().invoke(cli, [*words, "--json"])
    assert result.exit_code == 0, (result.output, result.exception)
    return dict(json.loads(result.stdout))


@pytest.mark.parametrize(
    ("name", "options", "body", "rows", "open_rows"),
    [
        ("means", "--lookback 1h", MEANS, COUNT, 0),
        ("sums", "--window tumbling=1h", SUMS, 21, 3),
        ("running", "--state totals", TOTALS, COUNT, 0),
    ],
)
@pytest.mark.timeout(180)
def test_a_cell_that_remembers_goes_the_whole_way(
    name: str,
    options: str,
    body: str,
    rows: int,
    open_rows: int,
    topic: str,
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(project)
    line = f"%%stream {name} --from {topic} --to {topic}.{name} --key sensor --time at {options} --sample first:500"
    notebook = write_notebook(project / "n.ipynb", "import pandas as pd", f"{line}\n{body.strip()}\n")
    checked = command("check", str(notebook), name)
    assert (checked["equal"], checked["rows_in"], checked["rows_out"]) == (True, COUNT, rows - open_rows), checked
    command("commit", str(notebook), name)
    folder = project / "streams" / name
    document = read_document(folder)
    assert document.proof is not None
    assert document.proof.equal is True
    assert (document.repartition, document.windows_at_once) == (False, name == "sums")
    assert run_tests(project).failed == 0
    out = project / "out.jsonl"
    result = command("run", str(folder), "--from", "earliest", "--out", str(out))
    assert (result["records_in"], result["records_out"], result["failed"]) == (COUNT, rows, 0)
    found = [orjson.loads(text) for text in out.read_bytes().splitlines()]
    if name == "sums":
        assert sum(row["sum"] for row in found) == sum(range(COUNT))
    elif name == "running":
        assert document.states == {"totals": {"sum": "int64"}}
        assert {row["x"]: row["total"] for row in found}[300] == sum(range(0, 301, 3))
    else:
        assert {row["x"]: row["mean"] for row in found}[300] == pytest.approx(sum(range(243, 301, 3)) / 20)

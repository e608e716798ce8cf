"""Cells with side inputs: checked, committed and tested, by the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

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

COUNT = 300
START = pd.Timestamp("2026-01-01", tz="UTC")
JOINED = """
latest = weather.rename(columns={"at": "seen"})
near = pd.merge_asof(df, latest, left_on="at", right_on="seen", by="station", tolerance=pd.Timedelta("1h"))
near.merge(stations, on="station", how="left")
"""
NEWEST = 'df.assign(wind=weather["wind"].iloc[-1] if len(weather) else None)'


@pytest.fixture
def topics(cluster: Cluster, make_topic: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> tuple[str, str, str]:
    """Readings of three stations, one a minute; their weather, one in ten minutes; a table of the stations."""
    monkeypatch.setenv("HEADRACE_CLUSTER", cluster.name)
    main, weather, stations = make_topic("readings"), make_topic("weather"), make_topic("stations", 2)
    sender = producer(cluster, purpose="test")
    for number in range(COUNT):
        station = f"s{number % 3}"
        at = (START + pd.Timedelta(number, unit="min")).isoformat()
        sender.produce(main, orjson.dumps({"station": station, "at": at, "x": number}), key=station)
        if number % 10 < 3:
            sender.produce(weather, orjson.dumps({"station": station, "at": at, "wind": number / 2}), key=station)
    for height, station in enumerate(["s0", "s1", "s0", "s2", "s3"]):
        sender.produce(stations, orjson.dumps({"station": station, "height": height}), key=station)
    assert sender.flush(30) == 0
    return main, weather, stations


def command(*words: str, status: int = 0) -> dict[str, Any]:
    result = CliRunner().invoke(cli, [*words, "--json"])
    assert result.exit_code == status, (result.output, result.exception)
    return dict(json.loads(result.stdout))


def notebook_of(project: Path, topics: tuple[str, str, str], name: str, body: str) -> Path:
    main, weather, stations = topics
    names = {topic.replace("-", "_"): short for topic, short in ((weather, "weather"), (stations, "stations"))}
    for identifier, short in names.items():
        body = body.replace(f"{short}.", f"{identifier}.").replace(f"({short},", f"({identifier},")
        body = body.replace(f"{short}[", f"{identifier}[").replace(f"({short})", f"({identifier})")
    options = f"--key station --time at --with {weather}:1h@at --with {stations} --sample latest:150"
    line = f"%%stream {name} --from {main} --to {main}.{name} {options}"
    return write_notebook(project / "n.ipynb", "import pandas as pd", f"{line}\n{body.strip()}\n")


@pytest.mark.timeout(180)
def test_a_cell_with_side_inputs_is_committed_with_their_rows(
    topics: tuple[str, str, str], project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    _, weather, stations = topics
    notebook = notebook_of(project, topics, "near", JOINED)
    checked = command("check", str(notebook), "near")
    assert (checked["equal"], checked["rows_in"], checked["rows_out"]) == (True, 150, 150), checked
    assert "the newest of each key, as they are pinned" in checked["reason"]
    committed = command("commit", str(notebook), "near")
    assert {f"streams/near/tests/side.{topic}.jsonl" for topic in (weather, stations)} <= set(committed["files"])
    folder = project / "streams" / "near"
    document = read_document(folder)
    assert document.sides == {
        weather: {"station": "str", "at": "datetime64[us, UTC]", "wind": "float64"},
        stations: {"station": "str", "height": "int64"},
    }
    assert document.output["wind"] == "float64"
    assert document.matching == "row-id"
    lines = [orjson.loads(line) for line in (folder / "tests" / f"side.{weather}.jsonl").read_bytes().splitlines()]
    assert 1 <= len(lines) <= 40
    tested = run_tests(project)
    assert (tested.failed, tested.passed) == (0, 4)
    expected = [orjson.loads(line) for line in (folder / "tests" / "expected.jsonl").read_bytes().splitlines()]
    heights = {out["value"]["station"]: out["value"]["height"] for line in expected for out in line["output"]}
    assert heights
    assert heights.items() <= {"s0": 2, "s1": 1, "s2": 3}.items()
    (folder / "tests" / f"side.{stations}.jsonl").write_bytes(b"")
    assert run_tests(project).failed > 0, "the test rests on the recorded side rows"


@pytest.mark.timeout(120)
def test_a_cell_that_takes_the_last_side_row_differs(
    topics: tuple[str, str, str], project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    notebook = notebook_of(project, topics, "newest", NEWEST)
    checked = command("check", str(notebook), "newest", status=1)
    assert checked["equal"] is False
    assert checked["difference"]["column"] == "wind"


@pytest.mark.timeout(120)
def test_a_side_input_without_rows_proves_nothing(
    cluster: Cluster, topics: tuple[str, str, str], make_topic: Callable[..., str], project: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(project)
    line = f"%%stream alone --from {topics[0]} --time at --with {make_topic('empty')}:1h --sample latest:20"
    notebook = write_notebook(project / "n.ipynb", "import pandas as pd", f"{line}\ndf.assign(y=df.x)\n")
    checked = command("check", str(notebook), "alone")
    assert checked["equal"] is None
    assert "has no row for the sample's time" in checked["reason"]

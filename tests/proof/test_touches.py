"""What a cell touches outside of itself is said, and nothing of ours or of Python's."""

from __future__ import annotations

from pathlib import Path

import pytest

from flight_records import examined
from keyed_samples import look, sample

PRELUDE = "import json, os, socket, subprocess, urllib.request\nimport pandas as pd\n"


def told(body: str) -> list[str]:
    verdict = examined(body, prelude=PRELUDE).verdict
    assert verdict.equal is True, verdict
    return [message for message in verdict.messages if message.startswith("The cell ")]


def test_a_file_that_is_read(tmp_path: Path) -> None:
    (tmp_path / "rates.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    path = str(tmp_path / "rates.csv")
    (said,) = told(f"rate = pd.read_csv({path!r}).b[0]\ndf.assign(x=df.distance * rate)")
    assert said.startswith(f"The cell reads `{path}` with each batch")


def test_files_that_are_written(tmp_path: Path) -> None:
    body = f"for name in 'abcde':\n    open(os.path.join({str(tmp_path)!r}, name), 'a').close()\ndf"
    (said,) = told(body)
    assert said.startswith(f"The cell writes `{tmp_path}/a`, `{tmp_path}/b`, `{tmp_path}/c` and 2 more")


def test_a_host_that_is_called() -> None:
    body = "try:\n    socket.create_connection(('127.0.0.1', 1), 0.1)\nexcept OSError:\n    pass\ndf"
    (said,) = told(body)
    assert said.startswith("The cell calls `127.0.0.1` with each batch")


def test_a_command_that_is_started() -> None:
    (said,) = told("subprocess.run(['true'], check=True)\ndf")
    assert "The cell starts `true` with each batch" in said


@pytest.mark.parametrize(
    "body", ["df", "import colorsys\ndf", "df.assign(t=pd.to_datetime(df.time_hour).dt.tz_convert('Asia/Tokyo'))"]
)
def test_what_python_itself_reads_is_nothing_to_say(body: str) -> None:
    assert told(body) == []


def test_a_cell_with_a_history_is_watched_too(tmp_path: Path) -> None:
    path = tmp_path / "rates.csv"
    path.write_text("a,b\n1,2\n", encoding="utf-8")
    body = f"pd.read_csv({str(path)!r})\ndf.assign(y=df.groupby('k')['x'].diff())"
    verdict = look(body, sample(), lookback="1rows")
    said = [message for message in verdict.verdict.messages if message.startswith("The cell ")]
    assert said == [f"The cell reads `{path}` with each batch: do so in another cell, a service may lack it."]

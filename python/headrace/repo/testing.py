"""``headrace test``: run the tests of the stream folders with pytest, each folder in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree as ET

from pydantic import BaseModel, ConfigDict

from headrace.errors import MissingStreamError, ToolError
from headrace.repo.folder import STREAMS_FOLDER
from headrace.spec import DOCUMENT_NAME

_NO_TESTS = 5
"""Pytest's exit status when it found no test."""


class StreamTest(BaseModel):
    """What the tests of one stream folder gave.

    Attributes:
        stream: the folder's name.
        passed: how many tests passed.
        failed: how many failed or could not be run.
        output: what pytest printed, where something failed.
    """

    model_config = ConfigDict(frozen=True)

    stream: str
    passed: int
    failed: int
    output: str = ""


class TestResult(BaseModel):
    """What the tests of all stream folders gave.

    Attributes:
        passed: how many tests passed.
        failed: how many failed or could not be run.
        streams: each folder's own.
    """

    __test__ = False  # pytest takes classes of this name for tests

    model_config = ConfigDict(frozen=True)

    passed: int
    failed: int
    streams: tuple[StreamTest, ...]


def test_streams(folder: Path) -> TestResult:
    """Run the tests of a stream folder, or of all below ``folder``.

    Args:
        folder: a stream folder, a folder of such, or a project with ``streams/`` in it.

    Raises:
        MissingStreamError: there is no stream folder.
        ToolError: pytest is not installed.
    """
    folders = stream_folders(folder)
    if find_spec("pytest") is None:
        message = "The streams' tests need pytest, which is not installed."
        raise ToolError(message, hint="Run: pip install pytest")
    tests = tuple(_run(each) for each in folders)
    return TestResult(
        passed=sum(test.passed for test in tests), failed=sum(test.failed for test in tests), streams=tests
    )


test_streams.__test__ = False  # type: ignore[attr-defined]  # pytest takes functions of this name for tests


def stream_folders(folder: Path) -> list[Path]:
    """Return the stream folders that ``folder`` is or holds, by name.

    Raises:
        MissingStreamError: there is none.
    """
    if (folder / DOCUMENT_NAME).is_file():
        return [folder]
    found = sorted(
        path.parent for start in (folder, folder / STREAMS_FOLDER) for path in start.glob(f"*/{DOCUMENT_NAME}")
    )
    if not found:
        message = f"`{folder}` holds no stream folder."
        raise MissingStreamError(message, hint="Name a project with streams/, made by `headrace commit`.")
    return found


def _run(folder: Path) -> StreamTest:
    with tempfile.TemporaryDirectory(prefix="headrace-test-") as place:
        report = Path(place) / "report.xml"
        # The project's own pytest settings are not meant for these tests; nothing is written into the folder.
        words = ["-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", str(folder), "--import-mode=importlib"]
        ended = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", *words, f"--junitxml={report}", str(folder.absolute() / "tests")],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTEST_ADDOPTS": ""},
        )
        total, bad = _counts(report)
    if ended.returncode and not bad:
        bad = 1
    passed = max(total - bad, 0)
    if ended.returncode == _NO_TESTS:
        return StreamTest(stream=folder.name, passed=0, failed=1, output="There is no test in this folder.")
    return StreamTest(
        stream=folder.name, passed=passed, failed=bad, output=(ended.stdout + ended.stderr).strip() if bad else ""
    )


def _counts(report: Path) -> tuple[int, int]:
    if not report.is_file():
        return 0, 0
    suites = list(ET.parse(report).getroot().iter("testsuite"))  # noqa: S314  pytest has just written it
    run = sum(int(suite.get("tests", 0)) - int(suite.get("skipped", 0)) for suite in suites)
    return run, sum(int(suite.get("failures", 0)) + int(suite.get("errors", 0)) for suite in suites)

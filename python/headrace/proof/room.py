"""The clean room: run a stream folder in a fresh process that knows nothing of the notebook."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from headrace.errors import CellError, HeadraceError, ProofError
from headrace.home import HOME_VARIABLE
from headrace.kafka.records import Records
from headrace.proof.verdict import Verdict
from headrace.spec import Matching

TIMEOUT = 120.0
"""Seconds that the whole run may take."""

_KEPT_VARIABLES = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "LD_LIBRARY_PATH", HOME_VARIABLE)
"""What the fresh process gets of the environment: no tokens, no passwords, no Jupyter."""
_START = "import sys; sys.path.append(sys.argv.pop(1)); from headrace.proof.room import main; main(*sys.argv[1:])"
_LINES_SHOWN = 20


class CleanResult(BaseModel):
    """What the fresh process found.

    Attributes:
        output_digest: of the outputs, see :func:`headrace.proof.digest.output_digest`.
        rows_in: records given.
        rows_out: rows that came out.
        filtered: records that neither failed nor gave a row; ``None`` where rows cannot be traced.
        failed: records that failed.
        first_error: the first failure as one line, or ``None``.
        output: dtype of each output column.
        matching: how rows are matched, as ``stream.yaml`` says.
        verdict: what the check found there.
    """

    model_config = ConfigDict(frozen=True)

    output_digest: str
    rows_in: int
    rows_out: int
    filtered: int | None
    failed: int
    first_error: str | None
    output: dict[str, str]
    matching: Matching
    verdict: Verdict


def run_clean(folder: Path, records: Records, *, timeout: float = TIMEOUT) -> CleanResult:
    """Load a stream folder in a fresh process and run and check it on ``records``.

    The process starts in an empty folder with a handful of environment variables; it sees installed packages and
    the folder's ``transform.py``, no notebook, no ``PYTHONPATH``, no file beside the notebook.

    Args:
        folder: a folder as ``headrace commit`` writes it.
        records: the pinned sample.
        timeout: seconds.

    Raises:
        CellError: ``transform.py`` cannot be imported: a name or a package is missing.
        ProofError: the process took too long or died.
        HeadraceError: what Headrace itself refuses there, with the same words.
    """
    with tempfile.TemporaryDirectory(prefix="headrace-room-") as place:
        room = Path(place)
        records.save(room / "records.arrow")
        package = str(Path(__file__).parents[2])
        words = [str(folder.absolute()), str(room / "records.arrow"), str(room / "result.json")]
        environment = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
        try:
            finished = subprocess.run(
                [sys.executable, "-E", "-P", "-c", _START, package, *words],
                cwd=room,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=timeout,
                check=False,
            )
        except subprocess.TimeoutExpired:
            message = f"`{folder.name}` was not done on {len(records):,} records in {timeout:g} s of a clean process."
            raise ProofError(message, hint="Take a shorter sample, or make the cell faster.") from None
        answer = _answer(room / "result.json")
    if answer is None:
        said = "\n".join(finished.stderr.decode("utf-8", "replace").splitlines()[-_LINES_SHOWN:])
        message = f"`{folder.name}` ended the clean process with status {finished.returncode}: {said or 'no output'}"
        raise ProofError(message)
    if "error" in answer:
        kind = {"CellError": CellError}.get(str(answer["error"]), ProofError)
        raise kind(str(answer["message"]), hint=str(answer["hint"]))
    return CleanResult.model_validate(answer)


def main(folder: str, records: str, result: str) -> None:
    """Run one stream folder and write what was found as JSON: the fresh process's whole work.

    Args:
        folder: the stream folder.
        records: a file that :meth:`headrace.kafka.records.Records.save` wrote.
        result: where to write a :class:`CleanResult`, or ``{"error", "message", "hint"}``.
    """
    try:
        answer = _work(Path(folder), Records.load(Path(records))).model_dump_json()
    except HeadraceError as error:
        answer = json.dumps({"error": type(error).__name__, "message": error.message, "hint": error.hint})
    Path(result).write_text(answer, encoding="utf-8")


def _work(folder: Path, records: Records) -> CleanResult:
    # Here and not above: who only starts a clean room need not load the engine.
    from headrace.engine.bisect import CELL_FAILURES  # noqa: PLC0415
    from headrace.engine.stream import Stream  # noqa: PLC0415
    from headrace.proof.examine import examine_stream  # noqa: PLC0415

    try:
        stream = Stream.from_folder(folder)
    except HeadraceError:
        raise
    except CELL_FAILURES as error:
        raise _import_error(folder, error) from None
    found = examine_stream(stream, records)
    failures = found.whole.failures
    return CleanResult(
        output_digest=found.output_digest,
        rows_in=found.verdict.rows_in,
        rows_out=found.verdict.rows_out,
        filtered=found.verdict.filtered,
        failed=found.verdict.failed,
        first_error=failures[0].summary if failures else None,
        output=found.stream.document.output,
        matching=stream.document.matching,
        verdict=found.verdict,
    )


def _import_error(folder: Path, error: BaseException) -> CellError:
    lines = [
        frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith(str(folder))
    ]
    if isinstance(error, SyntaxError):
        lines.append(error.lineno)
    place = f", line {lines[-1]}" if lines else ""
    what = f"{type(error).__name__}: {error}"
    message = f"`{folder.name}/transform.py`{place} cannot be imported in a clean process: {what}."
    hint = "Import or define what it names in a cell of the notebook."
    if isinstance(error, ModuleNotFoundError):
        hint = f"Install the package that provides `{error.name}`, or put the code into a cell."
    elif isinstance(error, NameError):
        hint = f"Define `{error.name}` in a cell of the notebook, above the stream."
    return CellError(message, hint=hint)


def _answer(path: Path) -> dict[str, object] | None:
    try:
        answer = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    return answer if isinstance(answer, dict) else None

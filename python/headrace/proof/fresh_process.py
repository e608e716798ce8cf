"""A fresh process for a user's code: it sees a stream folder and records, and nothing of whoever starts it.

The user's code never runs in the process that asks, which may be the Jupyter server.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel

from headrace import errors
from headrace.errors import HeadraceError, ProofError
from headrace.home import HOME_VARIABLE
from headrace.kafka.records import Records

if TYPE_CHECKING:
    from headrace.engine.edges import Edges

TIMEOUT = 120.0
"""Seconds that the whole run may take."""

_KEPT_VARIABLES = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "LD_LIBRARY_PATH", HOME_VARIABLE)
"""What the fresh process gets of the environment: no tokens, no passwords, no Jupyter."""
_START = (
    "import sys; sys.path.append(sys.argv.pop(1)); from headrace.proof.fresh_process import main; main(*sys.argv[1:])"
)
_LINES_SHOWN = 20
_SIDE = "side-"


def run_fresh(
    entry: str,
    folder: Path,
    records: Records,
    sides: Mapping[str, Records] | None = None,
    *,
    edges: Edges | None = None,
    timeout: float = TIMEOUT,
) -> dict[str, object]:
    """Call a function of Headrace on a stream folder and records in a fresh process, and return its answer.

    The process starts in an empty folder with a handful of environment variables; it sees installed packages and
    the folder, no notebook, no ``PYTHONPATH``, no file beside the notebook.

    Args:
        entry: ``module:function``; the function takes the folder, the records, those of the side inputs by topic and
            the sample's edges, and returns a pydantic model.
        folder: a stream folder.
        records: saved beside the answer, byte for byte.
        sides: records of the side inputs by topic, likewise.
        edges: of the sample.
        timeout: seconds.

    Returns:
        The model's fields, as JSON has them.

    Raises:
        ProofError: the process took too long or died.
        HeadraceError: what the function raised of Headrace's errors, of the same class and with the same words.
    """
    with tempfile.TemporaryDirectory(prefix="headrace-room-") as place:
        room = Path(place)
        records.save(room / "records.arrow")
        for number, own in enumerate((sides or {}).values()):
            own.save(room / f"{_SIDE}{number}.arrow")
        if edges is not None:
            edges.save(room)
        package = str(Path(__file__).parents[2])
        words = [entry, str(folder.absolute()), str(room / "records.arrow"), str(room / "result.json")]
        try:
            finished = subprocess.run(
                [sys.executable, "-E", "-P", "-c", _START, package, *words],
                cwd=room,
                env={name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=timeout,
                check=False,
            )
        except subprocess.TimeoutExpired:
            message = f"`{folder.name}` was not done on {len(records):,} records in {timeout:g} s of a clean process."
            raise ProofError(message, hint="Take a shorter sample, or make the cell faster.") from None
        answer = _read(room / "result.json")
    if answer is None:
        said = "\n".join(finished.stderr.decode("utf-8", "replace").splitlines()[-_LINES_SHOWN:])
        message = f"`{folder.name}` ended the clean process with status {finished.returncode}: {said or 'no output'}"
        raise ProofError(message)
    if "error" in answer:
        raise _error_class(str(answer["error"]))(str(answer["message"]), hint=str(answer["hint"]))
    return answer


def main(entry: str, folder: str, records: str, result: str) -> None:
    """Do the fresh process's whole work.

    Args:
        entry: what to call, ``module:function``.
        folder: the stream folder.
        records: a file that :meth:`headrace.kafka.records.Records.save` wrote.
        result: where to write the answer, or ``{"error", "message", "hint"}``.
    """
    module, _, function = entry.partition(":")
    from headrace.engine.edges import Edges  # noqa: PLC0415  who only starts the process need not load the engine

    sides = [Records.load(path) for path in sorted(Path(records).parent.glob(f"{_SIDE}*.arrow"))]
    by_topic, edges = {own.topic: own for own in sides}, Edges.load(Path(records).parent)
    try:
        answer: BaseModel = getattr(importlib.import_module(module), function)(
            Path(folder), Records.load(Path(records)), by_topic, edges
        )
        text = answer.model_dump_json()
    except HeadraceError as error:
        text = json.dumps({"error": type(error).__name__, "message": error.message, "hint": error.hint})
    Path(result).write_text(text, encoding="utf-8")


def _error_class(name: str) -> type[HeadraceError]:
    found = getattr(errors, name, None)
    return found if isinstance(found, type) and issubclass(found, HeadraceError) else ProofError


def _read(path: Path) -> dict[str, object] | None:
    try:
        answer = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    return answer if isinstance(answer, dict) else None

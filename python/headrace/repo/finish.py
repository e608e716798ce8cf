"""Run an extracted module in a fresh process to find how its rows match, and to write its fixture.

The user's code never runs in the process that commits, which may be the Jupyter server.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from headrace.errors import CellError, HeadraceError, ProofError
from headrace.home import HOME_VARIABLE
from headrace.kafka.records import Records
from headrace.spec import DOCUMENT_NAME, Matching, to_yaml

TIMEOUT = 120.0
_KEPT_VARIABLES = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "LD_LIBRARY_PATH", HOME_VARIABLE)
_START = "import sys; sys.path.append(sys.argv.pop(1)); from headrace.repo.finish import main; main(*sys.argv[1:])"


class Finished(BaseModel):
    """What the fresh process found out.

    Attributes:
        matching: how output rows are matched to input rows.
        fixture_dtypes: dtype of each output column on the fixture.
        batches_agree: whether the fixture gives the same in small batches.
    """

    model_config = ConfigDict(frozen=True)

    matching: Matching
    fixture_dtypes: dict[str, str]
    batches_agree: bool


def finish(folder: Path, records: Records) -> Finished:
    """Fill in ``matching`` of a stream folder's ``stream.yaml`` and write its fixture, in a fresh process.

    Args:
        folder: has ``transform.py`` and a ``stream.yaml`` with the pinned input types.
        records: the pinned sample.

    Raises:
        CellError: the module cannot be imported.
        ProofError: the process died or took too long.
    """
    with tempfile.TemporaryDirectory(prefix="headrace-finish-") as place:
        room = Path(place)
        records.save(room / "records.arrow")
        package = str(Path(__file__).parents[2])
        words = [str(folder.absolute()), str(room / "records.arrow"), str(room / "result.json")]
        try:
            ended = subprocess.run(
                [sys.executable, "-E", "-P", "-c", _START, package, *words],
                cwd=room,
                env={name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=TIMEOUT,
                check=False,
            )
            answer = json.loads((room / "result.json").read_text(encoding="utf-8"))
        except subprocess.TimeoutExpired:
            message = f"`{folder.name}` was not done on {len(records):,} records in {TIMEOUT:g} s of a clean process."
            raise ProofError(message, hint="Take a shorter sample, or make the cell faster.") from None
        except FileNotFoundError:
            said = ended.stderr.decode("utf-8", "replace").strip()[-2000:]
            message = f"`{folder.name}` ended the clean process with status {ended.returncode}: {said or 'no output'}"
            raise ProofError(message) from None
    if "error" in answer:
        raise CellError(answer["error"], hint=answer["hint"])
    return Finished.model_validate(answer)


def main(folder: str, records: str, result: str) -> None:
    """Do the fresh process's whole work.

    Args:
        folder: the stream folder.
        records: a file that :meth:`headrace.kafka.records.Records.save` wrote.
        result: where to write :class:`Finished`, or ``{"error", "hint"}``.
    """
    try:
        answer = _work(Path(folder), Records.load(Path(records))).model_dump_json()
    except HeadraceError as error:
        answer = json.dumps({"error": error.message, "hint": error.hint})
    Path(result).write_text(answer, encoding="utf-8")


def _work(folder: Path, records: Records) -> Finished:
    from headrace.engine.batch import process  # noqa: PLC0415  who only starts the process need not load the engine
    from headrace.engine.bisect import CELL_FAILURES  # noqa: PLC0415
    from headrace.engine.function import load_folder  # noqa: PLC0415
    from headrace.kafka.inference import InferredTypes  # noqa: PLC0415
    from headrace.proof.prepare import prepare  # noqa: PLC0415
    from headrace.repo.case import StreamCase  # noqa: PLC0415
    from headrace.repo.fixture import (  # noqa: PLC0415
        EXPECTED_NAME,
        INPUT_NAME,
        choose,
        outcomes,
        write_lines,
        write_records,
    )
    from headrace.spec import read_document  # noqa: PLC0415

    document = read_document(folder)
    try:
        function = load_folder(folder)
    except HeadraceError:
        raise
    except CELL_FAILURES as error:
        message = f"The extracted module cannot be imported in a clean process: {type(error).__name__}: {error}."
        raise CellError(message, hint="Define or import what it names in a cell above the stream.") from None
    inferred = InferredTypes(columns=document.input, never_null=document.never_null, records=len(records))
    stream = prepare(document.spec, function, inferred, records)
    (folder / DOCUMENT_NAME).write_text(to_yaml(stream.document), encoding="utf-8")
    fixture = records.take(choose(records, process(stream, records)))
    tests = folder / "tests"
    tests.mkdir(exist_ok=True)
    write_records(tests / INPUT_NAME, fixture)
    write_lines(tests / EXPECTED_NAME, outcomes(fixture, process(stream, fixture)))
    case = StreamCase.read(folder)
    return Finished(
        matching=stream.document.matching,
        fixture_dtypes=case.dtypes(),
        batches_agree=all(case.outcomes(batch=size) == case.expected for size in (1, 7)),
    )

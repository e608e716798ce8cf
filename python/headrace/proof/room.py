"""The clean room: run a stream folder in a fresh process that knows nothing of the notebook."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from headrace.errors import CellError, HeadraceError
from headrace.kafka.records import Records
from headrace.proof.fresh_process import TIMEOUT, run_fresh
from headrace.proof.verdict import Verdict
from headrace.spec import Matching, read_document

if TYPE_CHECKING:
    from headrace.engine.edges import Edges
    from headrace.proof.examine import Examination


class CleanResult(BaseModel):
    """What the fresh process found.

    Attributes:
        output_digest: of the outputs, see :func:`headrace.proof.digest.output_digest`.
        rows_in: records given.
        rows_out: rows that came out.
        filtered: records that neither failed nor gave a row; ``None`` where rows cannot be traced.
        failed: records that failed.
        all_failed: every record of the sample failed.
        first_error: the first failure as one line, or ``None``.
        first_line: the line of ``transform.py`` that raised it, where there is one.
        output: dtype of each output column.
        matching: how output rows are matched to input rows, found out there.
        repartition: the records do not stand by the stream's key.
        windows_at_once: the cell gives for many windows at once what it gives for each.
        copartitioned: side topics of which a replica needs its own partitions alone, with their partitions.
        states: dtype of each column of each state at the sample's end.
        verdict: what the check found there.
    """

    model_config = ConfigDict(frozen=True)

    output_digest: str
    rows_in: int
    rows_out: int
    filtered: int | None
    failed: int
    all_failed: bool = False
    first_error: str | None
    first_line: int | None = None
    output: dict[str, str]
    matching: Matching
    repartition: bool = False
    windows_at_once: bool = False
    copartitioned: dict[str, int] = {}
    states: dict[str, dict[str, str]] = {}
    verdict: Verdict

    @classmethod
    def of(cls, found: Examination) -> CleanResult:
        """Return what is to be told of an examination."""
        failures = found.whole.failures
        return cls(
            output_digest=found.output_digest,
            rows_in=found.verdict.rows_in,
            rows_out=found.verdict.rows_out,
            filtered=found.verdict.filtered,
            failed=found.verdict.failed,
            all_failed=found.all_failed,
            first_error=failures[0].summary if failures else None,
            first_line=failures[0].line if failures else None,
            output=found.stream.document.output,
            matching=found.stream.document.matching,
            repartition=found.stream.document.repartition,
            windows_at_once=found.stream.document.windows_at_once,
            copartitioned=found.stream.document.copartitioned,
            states=found.stream.document.states,
            verdict=found.verdict,
        )


def run_clean(
    folder: Path,
    records: Records,
    sides: Mapping[str, Records] | None = None,
    *,
    edges: Edges | None = None,
    timeout: float = TIMEOUT,
) -> CleanResult:
    """Load a stream folder in a fresh process and run and check it on ``records``.

    Args:
        folder: a folder as ``headrace commit`` writes it; of ``stream.yaml`` the spec and the input types count.
        records: the pinned sample.
        sides: records of the side inputs by topic, pinned with it.
        edges: of the sample, pinned with it.
        timeout: seconds.

    Raises:
        CellError: ``transform.py`` cannot be imported: a name or a package is missing.
        ProofError: the process took too long or died.
        HeadraceError: what Headrace itself refuses there, with the same words.
    """
    answer = run_fresh(f"{__name__}:work", folder, records, sides, edges=edges, timeout=timeout)
    return CleanResult.model_validate(answer)


def work(folder: Path, records: Records, sides: Mapping[str, Records], edges: Edges | None) -> CleanResult:
    """Do what the fresh process of :func:`run_clean` does."""
    return CleanResult.of(examine_folder(folder, records, sides, edges))


def examine_folder(
    folder: Path, records: Records, sides: Mapping[str, Records], edges: Edges | None = None
) -> Examination:
    """Load a stream folder in this process, which must be a fresh one, and examine it as a cell is examined.

    Raises:
        CellError: ``transform.py`` cannot be imported.
        HeadraceError: what Headrace itself refuses.
    """
    # Here and not above: who only starts a clean room need not load the engine.
    from headrace.engine.bisect import CELL_FAILURES  # noqa: PLC0415
    from headrace.engine.function import load_folder  # noqa: PLC0415
    from headrace.kafka.inference import InferredTypes  # noqa: PLC0415
    from headrace.proof.examine import examine  # noqa: PLC0415
    from headrace.proof.past_sample import PastSample  # noqa: PLC0415
    from headrace.proof.side_samples import SideSamples  # noqa: PLC0415

    document = read_document(folder)
    try:
        function = load_folder(folder)
    except HeadraceError:
        raise
    except CELL_FAILURES as error:
        raise _import_error(folder, error) from None
    inferred = InferredTypes(columns=document.input, never_null=document.never_null, records=len(records))
    pinned = SideSamples(sides, document.sides, divided=document.copartitioned)
    return examine(document.spec, function, inferred, records, sides=pinned, past=PastSample(edges))


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

"""The newest records on which a cell fails, looked for backwards through its topic."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel

from headrace.engine.function import load_folder
from headrace.engine.trial import process
from headrace.errors import MissingError, UsageError
from headrace.kafka.inference import InferredTypes
from headrace.kafka.pins import kept_sample, pinned_sample
from headrace.kafka.records import Records
from headrace.kafka.sample_request import Failing, parse_sample
from headrace.kafka.sampling import Sample, wanted_sample
from headrace.proof.fresh_process import run_fresh
from headrace.proof.prepare import prepare
from headrace.proof.quiet import quiet
from headrace.spec import StreamSpec, read_document

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from headrace.engine.context import Function
    from headrace.engine.edges import Edges
    from headrace.kafka.clusters import Cluster
    from headrace.kafka.scanning import Wanted


def sample_of_cell(
    cluster: Cluster,
    spec: StreamSpec,
    text: str,
    fails: Callable[[], Wanted],
    *,
    renew: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Sample:
    """Return the pinned sample that a cell asks for, or take it.

    ``failing:N`` is pinned for the stream of that name: when its cell is mended, it runs again on the same records.

    Args:
        cluster: where.
        spec: the cell's declaration.
        text: which records, as ``--sample`` takes it.
        fails: makes what says on which records the cell fails; called for ``failing:N`` alone.
        renew: take a new sample in any case.
        progress: called with the number of records read so far.

    Raises:
        UsageError: ``text`` is not understood, or ``failing:N`` is asked for a cell with side inputs.
        MissingError: the cell fails on none of the newest records.
        HeadraceError: the topic cannot be read.
    """
    request = parse_sample(text)
    if not isinstance(request, Failing):
        return pinned_sample(cluster, spec.source, text, renew=renew, progress=progress)
    if spec.sides:
        message = f"--sample {text} does not go with --with: a record fails or not by what its side input holds then."
        raise UsageError(message, hint="Name a range of offsets, P:START-END, of which you know that they fail.")

    def take() -> Sample:
        sample = wanted_sample(
            cluster, spec.source, text, fails(), request.records, piece=max(request.records, 50), progress=progress
        )
        if not len(sample.records):
            message = f"`{spec.name}` fails on none of the newest {sample.pin.looked_at:,} records of `{spec.source}`."
            raise MissingError(message, hint="Take another sample, latest:500 for example.")
        return sample

    return kept_sample(cluster, spec.source, f"{text} of {spec.name}", take, renew=renew)


def fails_in_process(spec: StreamSpec, function: Function, inferred: InferredTypes) -> Wanted:
    """Return what says on which records a cell fails, run in this process: in the kernel of its notebook."""

    def failing(records: Records) -> npt.NDArray[np.int64]:
        if not len(records):
            return np.empty(0, np.int64)
        with quiet():
            result = process(prepare(spec, function, inferred, records), records)
        return np.unique(np.array([failure.position for failure in result.failures], np.int64))

    return failing


def fails_in_fresh_process(folder: Path) -> Wanted:
    """Return what says on which records the cell of a stream folder fails, each time in a process of its own.

    Args:
        folder: with ``transform.py`` and ``stream.yaml``, of which the spec and the input types count.
    """

    def failing(records: Records) -> npt.NDArray[np.int64]:
        answer = FailingPositions.model_validate(run_fresh(f"{__name__}:work", folder, records))
        return np.array(answer.positions, np.int64)

    return failing


class FailingPositions(BaseModel):
    """On which records a cell fails, as positions among those that were given."""

    positions: tuple[int, ...]


def work(folder: Path, records: Records, sides: Mapping[str, Records], edges: Edges | None) -> FailingPositions:
    """Do what the fresh process of :func:`fails_in_fresh_process` does."""
    del sides, edges
    document = read_document(folder)
    inferred = InferredTypes(columns=document.input, never_null=document.never_null, records=len(records))
    failing = fails_in_process(document.spec, load_folder(folder), inferred)
    return FailingPositions(positions=tuple(failing(records).tolist()))

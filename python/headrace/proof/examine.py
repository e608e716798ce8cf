"""One look at a cell on its sample: the run, the verdict and the digest that every later run must have."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from headrace.engine.context import Function
from headrace.engine.edges import Edges
from headrace.engine.result import BatchResult
from headrace.engine.stream import Stream
from headrace.engine.trial import process, process_batches
from headrace.errors import UsageError
from headrace.kafka.inference import InferredTypes
from headrace.kafka.records import Records
from headrace.proof.all_failed import all_failed
from headrace.proof.check import check
from headrace.proof.digest import output_digest
from headrace.proof.past_sample import PastSample
from headrace.proof.prepare import prepare, with_output
from headrace.proof.quiet import quiet
from headrace.proof.side_samples import SideSamples
from headrace.proof.side_verdict import with_sides
from headrace.proof.suggestions import with_suggestion
from headrace.proof.verdict import Verdict
from headrace.spec import ProofSummary, StreamDocument, StreamSpec

_PAST_BATCH = 2_000
"""Records of the past in one batch; a small one that fails is soon bisected."""


@dataclass(frozen=True, slots=True)
class Examination:
    """What came of running a stream on its sample.

    Attributes:
        stream: with its input and output types and its matching pinned.
        whole: what became of the records in one batch.
        verdict: what the check found.
        output_digest: of ``whole``; the clean room's must be the same.
        past: what is known of the log around the sample.
        all_failed: every record of the sample failed.
    """

    stream: Stream
    whole: BatchResult
    verdict: Verdict
    output_digest: str
    past: PastSample = field(default_factory=PastSample)
    all_failed: bool = False

    def document(self, sample: str) -> StreamDocument:
        """Return what ``stream.yaml`` holds: the pinned document with what the check proved.

        Args:
            sample: which records, as ``--sample`` takes it: ``0:100-225,1:90-215``.
        """
        verdict = self.verdict
        proof = ProofSummary(
            equal=verdict.equal,
            reason=verdict.reason,
            rows_in=verdict.rows_in,
            rows_out=verdict.rows_out,
            failed=verdict.failed,
            sample=sample,
        )
        return self.stream.document.model_copy(update={"proof": proof})


def examine(
    spec: StreamSpec,
    function: Function,
    inferred: InferredTypes,
    records: Records,
    *,
    sides: SideSamples | None = None,
    past: PastSample | None = None,
    seed: int = 0,
) -> Examination:
    """Prepare, run and check a stream: the one path of the magic, of ``headrace check`` and of a commit.

    ::

        cluster = resolve_cluster(spec.cluster)
        sample = pinned_sample(cluster, spec.source, "latest:500")
        inferred = infer_types(cluster, spec.source)
        past = pinned_past(cluster, spec, inferred, sample)
        examination = examine(spec, function, inferred, sample.records, past=past)
        examination.verdict            # equal, reason, difference, counts
        examination.document(text)     # for stream.yaml
        run_clean(folder, sample.records, edges=past.edges).output_digest == examination.output_digest

    Args:
        spec: the cell's declaration.
        function: the cell's body as a function.
        inferred: the source topic's column types.
        records: the pinned sample.
        sides: what is pinned of the side inputs with it, from :func:`headrace.proof.side_samples.pinned_sides`.
        past: what is pinned of the log around it, from :func:`headrace.proof.past_sample.pinned_past`; without it the
            sample is all there is.
        seed: of the random cuts.

    Raises:
        UsageError: an option names a column that is not there.
    """
    around = past or PastSample()
    stream = prepare(spec, function, inferred, records, sides, around.edges)
    examination = examine_stream(stream, records, sides=sides, past=around, seed=seed)
    verdict = with_suggestion(
        examination.verdict, examination.stream, function, inferred, records, examination.whole, sides
    )
    return replace(examination, verdict=verdict)


def examine_stream(
    stream: Stream,
    records: Records,
    *,
    sides: SideSamples | None = None,
    past: PastSample | None = None,
    seed: int = 0,
) -> Examination:
    """Run and check a stream whose types and matching are pinned already, one from a folder for example.

    Raises:
        UsageError: neither a record nor an output has the column of ``--key``.
    """
    around = past or PastSample()
    if stream.edges is not None and stream.document.spec.lookback:
        stream = _without_failed(stream, stream.edges)
    whole = process(stream, records)
    _require_key(stream, whole)
    stream = with_output(stream, whole)
    verdict = with_sides(stream, check(stream, records, seed=seed, whole=whole), sides or SideSamples())
    verdict = verdict.model_copy(update={"messages": (*verdict.messages, *around.notes)})
    digest = output_digest(whole.rows, whole.source, records, whole.sinks)
    return Examination(stream, whole, verdict, digest, around, all_failed(stream, records, whole))


def _require_key(stream: Stream, whole: BatchResult) -> None:
    """Refuse a ``--key`` that neither a record nor an output has; what remembers was asked before it ran."""
    spec, given = stream.document.spec, {str(name) for name in whole.rows.columns}
    if spec.key is None or spec.remembers or not len(whole.values):
        return
    if spec.key not in {*map(str, whole.before.columns), *given}:
        message = f"Neither the records of `{spec.source}` nor the cell's output have a column `{spec.key}` for --key."
        raise UsageError(message, hint=f"The output has {', '.join(f'`{name}`' for name in sorted(given)[:20])}.")


def _without_failed(stream: Stream, edges: Edges) -> Stream:
    """Return the stream with a past that lacks the records on which the cell fails: they are in no history."""
    count = len(edges.past)
    if not count:
        return stream
    batches = np.array_split(np.arange(count, dtype=np.int64), -(-count // _PAST_BATCH))
    with quiet():
        results = process_batches(replace(stream, edges=None), edges.past, batches)
    failed = [failure.position for result in results for failure in result.failures]
    kept = np.setdiff1d(np.arange(count), failed)
    return replace(stream, edges=replace(edges, past=edges.past.take(kept)))

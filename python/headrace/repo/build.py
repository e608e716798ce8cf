"""Make a stream's folder from its notebook cell and prove it in the clean room: the one path of check and commit."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from headrace.engine.codecs import registry_for
from headrace.errors import ExpiredOffsetError, MissingTopicError, ProofError, UsageError
from headrace.kafka.clusters import Cluster, resolve_cluster
from headrace.kafka.inference import InferredTypes, column_types, infer_types
from headrace.kafka.sampling import Sample, SamplePin, read_pin
from headrace.kafka.topics import require_topic
from headrace.proof import previews
from headrace.proof.body import body_digest
from headrace.proof.chain import Upstream, in_topic, outputs_in_fresh_process
from headrace.proof.failing import fails_in_fresh_process, sample_of_cell
from headrace.proof.past_sample import PastSample, pinned_past
from headrace.proof.preview_model import Preview
from headrace.proof.room import CleanResult, run_clean
from headrace.proof.side_samples import SideSamples, pinned_sides
from headrace.repo.finish import finish
from headrace.repo.folder import test_module_text
from headrace.repo.notebook import read_streams
from headrace.repo.requirements import requirements_text
from headrace.repo.slicing import Slice, slice_stream
from headrace.spec import DEFAULT_SAMPLE, DOCUMENT_NAME, ProofSummary, StreamDocument, to_yaml


@dataclass(frozen=True, slots=True)
class Built:
    """A stream folder, made and proved.

    Attributes:
        cut: the stream as it was cut out of the notebook.
        cluster: where its records come from.
        sample: the pinned records it was proved on.
        document: what its ``stream.yaml`` holds.
        inferred: what the topic's records say about its columns.
        clean: what the clean room found.
        preview: the preview that it must equal, or ``None`` when the cell was not previewed as it stands.
        sides: what is pinned of the side inputs.
        past: what is pinned of the log around the sample.
        partitions: of the source topic, or those that it will have.
    """

    cut: Slice
    cluster: Cluster
    sample: Sample
    document: StreamDocument
    inferred: InferredTypes
    clean: CleanResult
    preview: Preview | None
    sides: SideSamples
    past: PastSample
    partitions: int

    def require_preview(self) -> None:
        """Refuse a folder whose output is not what the preview showed.

        Raises:
            ProofError: the outputs differ.
        """
        shown, found = self.preview, self.clean
        if shown is None or shown.output_digest == found.output_digest:
            return
        counts = (
            f"{shown.rows_in:,} -> {shown.rows_out:,} records in the preview, {found.rows_in:,} -> {found.rows_out:,}"
        )
        message = f"The extracted code of `{shown.stream}` gives another output than its preview: {counts} extracted."
        if found.first_error and found.failed != shown.failed:
            message += f" There it raised {found.first_error}."
        hint = (
            "Other cells have changed since, or the kernel holds what no cell says: run all cells from a fresh kernel."
        )
        raise ProofError(message, hint=hint)

    @property
    def all_failed(self) -> str | None:
        """Where every record of the sample failed, a sentence with the first failure and the line that raised it."""
        clean = self.clean
        if not clean.all_failed:
            return None
        line = clean.first_line
        text = "" if line is None else self.cut.module_source.splitlines()[line - 1].strip()
        place = "" if line is None else f", at line {line} of transform.py: `{text}`"
        return f"`{self.cut.spec.name}` fails on every record of the sample, the first with {clean.first_error}{place}"


def build(
    notebook: Path,
    name: str,
    folder: Path,
    *,
    cluster: str | None = None,
    tests: bool = True,
    above: tuple[str, ...] = (),
) -> Built:
    """Write the folder of a notebook's stream and run it in the clean room on the pinned sample.

    The sample is the one of the cell's last preview where the cell still says the same, else the one that its
    ``--sample`` names. The user's code runs in one fresh process only.

    Args:
        notebook: the notebook's file.
        name: the stream.
        folder: an existing, empty folder named like the stream.
        cluster: in place of the cell's and the project's.
        tests: whether to write the folder's tests too.
        above: the streams for which this one is built, whose topics its outputs are.

    Raises:
        RefusedError: the stream cannot be cut out of the notebook; among them UnknownNameError.
        MissingStreamError: there is no such stream.
        MissingTopicError: the source topic does not exist.
        ClusterError: the cluster cannot be reached.
        CellError: the module cannot be run.
        ProofError: the clean room did not come to an end.
    """
    cut = slice_stream(notebook, name)
    spec = cut.spec
    where = resolve_cluster(cluster or spec.cluster, notebook.absolute().parent)
    preview = _matching_preview(notebook, cut, where)
    upstream = _upstream(notebook, cut, where, cluster, above)
    partitions = require_topic(where, spec.source).partitions if upstream is None else upstream.partitions
    if upstream is None:
        inferred = infer_types(where, spec.source, format=spec.format, registry=registry_for(spec, where))
    else:
        inferred = upstream.types()
    types = column_types(inferred, spec)
    never_null = tuple(column for column in inferred.never_null if column in types)
    (folder / "transform.py").write_text(cut.module_source, encoding="utf-8")
    (folder / DOCUMENT_NAME).write_text(
        to_yaml(StreamDocument(spec=spec, input=types, never_null=never_null)), encoding="utf-8"
    )
    if upstream is None:
        sample, preview = _sample(where, cut, preview, folder)
        past = pinned_past(where, spec, inferred, sample)
    else:
        sample, past = upstream.sample(where), PastSample(notes=(upstream.note,))
        preview = preview if preview is not None and preview.sample.ranges == sample.pin.ranges else None
    sides = pinned_sides(where, spec, inferred, sample, past)
    document = StreamDocument(
        spec=spec,
        input=types,
        never_null=never_null,
        sides=dict(sides.types),
        copartitioned=dict(sides.divided),  # what the clean room confirms
    )
    (folder / "requirements.txt").write_text(requirements_text(cut.module_source), encoding="utf-8")
    (folder / DOCUMENT_NAME).write_text(to_yaml(document), encoding="utf-8")
    finished = finish(folder, sample.records, sides.records, past.edges) if tests else None
    clean = finished.clean if finished else run_clean(folder, sample.records, sides.records, edges=past.edges)
    if sides.notes or past.notes:
        messages = (*clean.verdict.messages, *sides.notes, *past.notes)
        clean = clean.model_copy(update={"verdict": clean.verdict.model_copy(update={"messages": messages})})
    proof = ProofSummary(
        equal=clean.verdict.equal,
        reason=clean.verdict.reason,
        rows_in=clean.rows_in,
        rows_out=clean.rows_out,
        failed=clean.failed,
        sample=sample.pin.offsets,
    )
    pinned = {
        "matching": clean.matching,
        "repartition": clean.repartition,
        "windows_at_once": clean.windows_at_once,
        "copartitioned": clean.copartitioned,
        "states": clean.states,
        "output": clean.output,
        "proof": proof,
    }
    document = document.model_copy(update=pinned)
    (folder / DOCUMENT_NAME).write_text(to_yaml(document), encoding="utf-8")
    if finished:
        same_dtypes, agree = finished.fixture_dtypes == clean.output, bool(proof.equal) and finished.batches_agree
        text = test_module_text(document, dtypes=same_dtypes, batches=agree)
        (folder / "tests" / "test_transform.py").write_text(text, encoding="utf-8")
    return Built(cut, where, sample, document, inferred, clean, preview, sides, past, partitions)


def _upstream(
    notebook: Path, cut: Slice, where: Cluster, cluster: str | None, above: tuple[str, ...]
) -> Upstream | None:
    """Return what the notebook's stream that writes a missing source topic gives; ``None`` where the topic is there.

    Raises:
        MissingTopicError: the topic is missing, and no stream of the notebook writes it.
        UsageError: the streams read each other in a circle.
    """
    source = cut.spec.source
    try:
        require_topic(where, source)
    except MissingTopicError:
        specs = [stream.spec for stream in read_streams(notebook) if stream.spec is not None]
        giving = [spec.name for spec in specs if source in spec.sinks]
        if not giving:
            raise
    else:
        return None
    if giving[0] in (*above, cut.spec.name):
        circle = " -> ".join([*above, cut.spec.name, giving[0]])
        message = f"The streams {circle} read each other, and none of their topics is there."
        raise UsageError(message, hint="Let the first of them read a topic of the cluster.")
    with tempfile.TemporaryDirectory(prefix="headrace-chain-") as parent:
        folder = Path(parent) / giving[0]
        folder.mkdir()
        built = build(notebook, giving[0], folder, cluster=cluster, tests=False, above=(*above, cut.spec.name))
        outputs = outputs_in_fresh_process(folder, source, built.sample.records, built.sides.records, built.past.edges)
    return Upstream(giving[0], in_topic(outputs, built.partitions), built.partitions)


def _matching_preview(notebook: Path, cut: Slice, cluster: Cluster) -> Preview | None:
    """Return the cell's last preview, unless the cell has changed since or it was of another cluster."""
    preview = previews.latest(notebook, cut.spec.name)
    if preview is None or preview.cluster != cluster.name:
        return None
    return preview if preview.body_digest == body_digest(cut.spec, cut.stream.body) else None


def _sample(cluster: Cluster, cut: Slice, preview: Preview | None, folder: Path) -> tuple[Sample, Preview | None]:
    source = cut.spec.source
    if preview is not None:
        asked = preview.sample
        try:
            pin = SamplePin(
                cluster=cluster.name,
                topic=source,
                text=asked.text,
                ranges=asked.ranges,
                taken=asked.taken,
                ends=asked.ends,
            )
            again = read_pin(cluster, pin)
        except ExpiredOffsetError:
            again = None
        if again is not None and len(again.records) == preview.rows_in:
            return again, preview  # else its records are gone, and with them what it could be compared with
    text = cut.stream.preview.sample if cut.stream.preview else DEFAULT_SAMPLE
    return sample_of_cell(cluster, cut.spec, text, lambda: fails_in_fresh_process(folder)), None

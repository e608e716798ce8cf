"""``%%stream``: read a pinned sample, run the cell on it, check it, show before and after."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, line_cell_magic, line_magic, magics_class

from headrace.engine.codecs import registry_for
from headrace.engine.context import Function
from headrace.errors import HeadraceError, MissingError, MissingTopicError, UsageError
from headrace.kafka.clusters import Cluster, resolve_cluster
from headrace.kafka.inference import InferredTypes, infer_types
from headrace.kafka.sampling import Sample
from headrace.kafka.topics import require_topic
from headrace.notebook.cell import RunningCell, compile_cell, notebook_path
from headrace.notebook.display import bundle
from headrace.notebook.help import help_text
from headrace.notebook.one_record import run_on
from headrace.notebook.outputs import publish
from headrace.notebook.progress import Progress
from headrace.notebook.session import KernelStream, resample, streams
from headrace.proof.examine import examine
from headrace.proof.failing import fails_in_process, sample_of_cell
from headrace.proof.past_sample import PastSample, pinned_past
from headrace.proof.preview import preview
from headrace.proof.previews import save
from headrace.proof.side_samples import pinned_sides
from headrace.spec import MagicLine, parse_magic_line


def shown_short(work: Callable[..., Any]) -> Callable[..., Any]:
    """Make Headrace's own errors leave a cell as one short message, without a stack trace of Headrace's code."""

    @wraps(work)
    def run(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401  whatever the magic takes and gives
        __tracebackhide__ = True
        try:
            return work(*arguments, **named)
        except HeadraceError as error:
            lines = [f"{type(error).__name__}: {error}"]
            error._render_traceback_ = lambda: lines  # type: ignore[attr-defined]
            raise error from None

    return run


@magics_class
class StreamMagics(Magics):
    """The magics of a shell.

    Attributes:
        running: the cell that runs now.
    """

    def __init__(self, shell: InteractiveShell) -> None:
        super().__init__(shell)
        self.running = RunningCell()

    @line_cell_magic
    @shown_short
    def stream(self, line: str, cell: str | None = None) -> None:  # noqa: D102  its docstring is made from the options
        if "--help" in line.split() or not cell:
            publish({"text/plain": help_text()})
            return
        shell = self.shell
        if not isinstance(shell, InteractiveShell):
            message = "%%stream needs an IPython shell."
            raise UsageError(message, hint="Run it in a notebook, or use `headrace check NOTEBOOK`.")
        parsed = parse_magic_line(line)
        function = compile_cell(shell, self.running.text, cell, parsed.spec)
        _run(parsed, function, cell, notebook_path(shell), renew=False)

    @line_magic("resample")  # type: ignore[arg-type]  # its stub allows no name
    @shown_short
    def resample_stream(self, line: str) -> None:
        """``%resample NAME``: take a new sample for a stream of this kernel and show its preview."""
        if not line.strip():
            message = "%resample needs a stream's name."
            raise UsageError(message, hint="Write %resample NAME.")
        resample(line.strip())

    @line_magic("run_on")  # type: ignore[arg-type]  # its stub allows no name
    @shown_short
    def run_on_record(self, line: str) -> object:
        """``%run_on NAME PARTITION:OFFSET``: run a stream's cell on one record of its sample, uncaught."""
        words = line.split()
        if len(words) != 2:  # noqa: PLR2004  a name and a place
            message = "%run_on needs a stream's name and the place of a record."
            raise UsageError(message, hint="Write %run_on NAME PARTITION:OFFSET.")
        return run_on(*words)


StreamMagics.stream.__doc__ = help_text()


def _run(parsed: MagicLine, function: Function, body: str, notebook: Path | None, *, renew: bool) -> None:
    """Preview one cell: nothing on the cluster is changed by it."""
    spec = parsed.spec
    cluster = resolve_cluster(spec.cluster, notebook.parent if notebook else None)
    with Progress(f"Reading {spec.source}") as progress:
        try:
            partitions, upstream = require_topic(cluster, spec.source).partitions, None
        except MissingTopicError:
            upstream = streams.giving(spec.source)
            if upstream is None:
                raise
            partitions = upstream.partitions
        if upstream is None:
            sample, inferred, past = _read(parsed, function, cluster, progress, renew=renew)
        else:
            sample, inferred, past = upstream.sample(cluster), upstream.types(), PastSample(notes=(upstream.note,))
        if not len(sample.records):
            message = f"The sample {sample.pin.text} of topic `{spec.source}` holds no records."
            raise MissingError(message, hint="Wait for records and run the cell again, or choose others with --sample.")
        if spec.sides:
            progress.say(f"Reading {', '.join(side.topic for side in spec.side_inputs)}")
        sides = pinned_sides(cluster, spec, inferred, sample, past, renew=renew)
        progress.say(f"Checking {spec.name}")
        examination = examine(spec, function, inferred, sample.records, sides=sides, past=past)
        shown = preview(examination, sample, notebook=notebook, body=body)
        save(shown)

        def again() -> None:
            _run(parsed, function, body, notebook, renew=True)

        streams.add(KernelStream(examination.stream, shown, again, sample.records, examination.whole, partitions))
        progress.finish(bundle(shown, show=parsed.preview.show))


def _read(
    parsed: MagicLine, function: Function, cluster: Cluster, progress: Progress, *, renew: bool
) -> tuple[Sample, InferredTypes, PastSample]:
    """Read a cell's sample, what the topic says about its columns, and the past that the sample's rows need."""
    spec = parsed.spec
    progress.say(f"Reading {spec.source} to learn its types")
    inferred = infer_types(cluster, spec.source, renew=renew, format=spec.format, registry=registry_for(spec, cluster))
    progress.say(f"Reading {spec.source}")
    sample = sample_of_cell(
        cluster,
        spec,
        parsed.preview.sample,
        lambda: fails_in_process(spec, function, inferred),
        renew=renew,
        progress=progress.records,
    )
    if spec.in_event_time:
        progress.say(f"Reading {spec.source} before the sample")
    return sample, inferred, pinned_past(cluster, spec, inferred, sample, renew=renew, progress=progress.records)

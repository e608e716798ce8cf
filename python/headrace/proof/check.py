"""The streamability check: does the cell give on a stream what it gives on the whole sample?"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace

import numpy as np

from headrace.engine.result import BatchResult
from headrace.engine.stream import Stream
from headrace.engine.trial import process
from headrace.kafka.codec.json.by_record import parse_objects
from headrace.kafka.records import Records
from headrace.proof.causes import Cause, find_causes
from headrace.proof.compare import Batch, Comparison, Run, compare
from headrace.proof.globals_watch import changed, fingerprint
from headrace.proof.quiet import quiet
from headrace.proof.remembering import check_remembering
from headrace.proof.splits import Plan, apart, copies, plans, repeated, with_nulls
from headrace.proof.touches import Touches, watched
from headrace.proof.verdict import Difference, Verdict
from headrace.spec import NEVER_NULL_TYPES

BUDGET = 10.0
"""Seconds after which no further way of cutting the sample is tried."""
FEWEST_SPLITS = 3
_EXACT = 2**53
SLOW_PER_RECORD = 0.001
"""Seconds a record from which a message says what rate that allows."""
_ROWS_OF_NULLS = (
    "Batch differs from stream: where a batch has no row left after a filter, and a column of the unfiltered frame is "
    "assigned, pandas puts that column's rows back, empty but for it. Compute the column from the filtered rows, for "
    "example rows.assign(late=lambda rows: rows.delay > 15)."
)


def check(
    stream: Stream, records: Records, *, seed: int = 0, whole: BatchResult | None = None, budget: float = BUDGET
) -> Verdict:
    """Run the stream over the sample whole, again, and cut in many ways, through the engine's own step.

    Beside the sample itself, one with nulls put into the columns that may be null and one that repeats the records
    are run whole and cut, so that less hides behind a sample that happens to be tame.

    Args:
        stream: the stream with its pinned types, as :func:`headrace.proof.prepare.prepare` makes it.
        records: the sample.
        seed: of the random cuts.
        whole: what ``process(stream, records)`` gave, where it was run already.
        budget: seconds after which no further cut is tried.

    Returns:
        *Equal* only if every run agreed and the sample could have shown a difference; *differs* with the first
        difference; else *not proved*, with what would prove it. What the cell raises is a failed record, never an
        error of the check.
    """
    if stream.document.spec.remembers:
        return check_remembering(stream, records, seed=seed, whole=whole, budget=budget)
    started = time.perf_counter()
    before = fingerprint(stream.function)
    first = process(stream, records) if whole is None else whole
    trial = _Trial(stream, records, first, started + budget)
    if not _nothing_to_compare(trial):
        with quiet():
            _run_all(trial, seed)
    touched = changed(before, fingerprint(stream.function))
    equal, reason = _judge(trial, find_causes(stream.function), touched)
    failed = _failed(first)
    with_rows = len(np.unique(first.source[first.source >= 0]))
    return Verdict(
        equal=equal,
        reason=reason,
        difference=trial.difference,
        splits=trial.splits,
        seconds=round(time.perf_counter() - started, 3),
        seconds_per_record=trial.whole_seconds / max(len(records), 1),
        messages=tuple(_messages(trial)),
        rows_in=len(records),
        rows_out=len(first.values),
        filtered=len(records) - failed - with_rows if bool((first.source >= 0).all()) else None,
        failed=failed,
    )


@dataclass(slots=True)
class _Trial:
    """What one check has found so far."""

    stream: Stream
    records: Records
    first: BatchResult
    deadline: float
    difference: Difference | None = None
    sample: str = ""
    again: bool = False
    splits: int = 0
    skipped: int = 0
    whole_seconds: float = 0.0
    halved: bool = False
    drifted: set[str] = field(default_factory=set)
    rounded: set[str] = field(default_factory=set)
    touches: Touches = field(default_factory=Touches)

    def take(self, comparison: Comparison, sample: str) -> bool:
        """Note what a comparison found; true when it is a difference."""
        self.drifted |= comparison.drifted
        self.rounded |= comparison.rounded
        if comparison.difference is not None:
            self.difference, self.sample = comparison.difference, sample
        return self.difference is not None

    @property
    def late(self) -> bool:
        return self.splits >= FEWEST_SPLITS and time.perf_counter() > self.deadline


def _run_all(trial: _Trial, seed: int) -> None:
    """Run everything until the first difference, or until the time is up."""
    stream, records = trial.stream, trial.records
    everything = np.arange(len(records), dtype=np.int64)
    given = Run.of([(everything, trial.first)])
    started = time.perf_counter()
    seen = replace(stream, function=watched(stream.function, trial.touches))
    second = Run.of([(everything, process(seen, records))])
    trial.whole_seconds = time.perf_counter() - started
    if trial.take(compare(given, second, records), ""):
        trial.again = True
        return
    good = records
    base = trial.first
    if trial.first.failures:
        failed = [failure.position for failure in trial.first.failures]
        kept = np.setdiff1d(everything, failed)
        good = records.take(kept)
        base = process(stream, good)
        trial.halved = bool(base.failures) or len([part for part in base.parts if len(part)]) > 1
        alone = Run.of([(kept, base)])
        without = replace(given, failures=alone.failures)
        if trial.take(compare(alone, without, records), " without the failing records"):
            return
    if _cut_up(trial, good, base, seed, ""):
        return
    if good is not records and _cut_up(trial, records, trial.first, seed + 1, "", most=2):
        return
    nullable = _nullable(stream)
    holes = with_nulls(good, nullable)
    if holes is not None and _cut_up(trial, holes, process(stream, holes), seed, " with nulls put in", most=3):
        return
    _repeat(trial, good, base)


def _cut_up(
    trial: _Trial, records: Records, whole: BatchResult, seed: int, sample: str, most: int | None = None
) -> bool:
    """Cut ``records`` in up to ``most`` ways and compare each with ``whole``; true at the first difference."""
    if len(records) < 2:  # noqa: PLR2004  one record cannot be cut
        return False
    run = Run.of([(np.arange(len(records), dtype=np.int64), whole)])
    with_rows = np.unique(whole.source[whole.source >= 0])
    chosen: list[Plan] = [plan for plan in plans(records, with_rows, seed=seed) if plan.in_order or run.traced][:most]
    for number, plan in enumerate(chosen):
        if trial.late:
            trial.skipped += len(chosen) - number
            return False
        batches: list[Batch] = [(batch, process(trial.stream, records.take(batch))) for batch in plan.batches]
        trial.splits += 1
        if trial.take(compare(run, Run.of(batches), records), sample):
            return True
    return False


def _repeat(trial: _Trial, records: Records, once: BatchResult) -> None:
    """Compare the sample several times over in one batch with as many batches of it."""
    if not len(records):
        return
    if trial.late:
        trial.skipped += 1
        return
    spec, longer = trial.stream.document.spec, repeated(records)
    count = len(records)
    stretch = int(records.offsets.max()) + 1
    if spec.sides:  # then rows are known by their place
        if spec.meta:  # and the cell sees it
            return
        longer = apart(longer, stretch)
    batches: list[Batch] = [
        (np.arange(number * count, (number + 1) * count, dtype=np.int64), once) for number in range(copies(records))
    ]
    whole = Run.of([(np.arange(len(longer), dtype=np.int64), process(trial.stream, longer))])
    trial.splits += 1
    if trial.take(compare(whole, Run.of(batches), longer), " with its records repeated") and trial.difference:
        trial.difference = trial.difference.model_copy(update={"offset": trial.difference.offset % stretch})


def _nullable(stream: Stream) -> list[str]:
    document = stream.document
    return [
        column
        for column, kind in document.input.items()
        if kind not in NEVER_NULL_TYPES and column not in document.never_null
    ]


def _nothing_to_compare(trial: _Trial) -> str | None:
    """Return why the sample can prove nothing at all, with what would; ``None`` when it can."""
    first, count = trial.first, len(trial.records)
    if not count:
        return "The sample is empty: take one that holds records."
    if _failed(first) == count:
        return f"Every record of the sample failed, the first with {first.failures[0].summary}"
    if not len(first.values):
        return "No record of the sample gave a row: take one in which some pass."
    return None


def _judge(  # noqa: PLR0911  one return a finding
    trial: _Trial, causes: list[Cause], touched: list[str]
) -> tuple[bool | None, str]:
    nothing = _nothing_to_compare(trial)
    if nothing is not None:
        return None, nothing
    if trial.difference is not None:
        return False, _why_different(trial, causes, touched)
    certain = [cause for cause in causes if cause.certain]
    if bool((trial.first.source < 0).any()):
        return None, (
            "The outputs agree, but cannot be traced to their records, so that keys, order and counts are not proved: "
            "keep the rows' index, or all columns through a merge."
        )
    if touched:
        names = ", ".join(f"`{name}`" for name in touched)
        return None, (
            f"The outputs agree, but the cell changes {names} outside itself, which no restart or second replica "
            "knows: compute it in another cell."
        )
    if certain:
        cause = certain[0]
        return None, (
            f"{cause} {cause.effect}; this sample does not show that it matters. A sample in which it does would "
            "prove that batch and stream differ."
        )
    if _most_records_of_a_partition(trial) < 2:  # noqa: PLR2004  one has no other to depend on
        return None, "Nothing was cut: no partition has two records that gave rows. Take a longer sample."
    if trial.skipped:
        return None, (
            f"{trial.splits} splits agree, {trial.skipped} were left out for time: take a shorter sample, or make "
            "the cell faster."
        )
    return True, "Batch equals stream."


def _why_different(trial: _Trial, causes: list[Cause], touched: list[str]) -> str:
    names = ", ".join(f"`{name}`" for name in touched)
    memory = f" The cell changes {names} outside itself." if touched else ""
    likely = causes[0] if causes else None
    if trial.again:
        chance = next((cause for cause in causes if cause.effect in {"is random", "depends on the clock"}), None)
        because = f": {chance} {chance.effect}" if chance else ""
        return f"Two runs over the same records differ{because}.{memory}"
    if trial.difference is not None and trial.difference.kind == "order":
        because = f": {likely} {likely.effect}" if likely else ""
        return f"The outputs of a partition are not in the order of its records{because}.{memory}"
    if _rows_of_nulls(trial):
        return f"{_ROWS_OF_NULLS}{memory}"
    because = f": {likely} {likely.effect}, and a batch has only its own" if likely else ""
    traced = "" if trial.stream.document.matching != "none" else " Its rows cannot be traced to single records."
    return f"Batch differs from stream{trial.sample}{because}.{traced}{memory}"


def _rows_of_nulls(trial: _Trial) -> bool:
    """Whether a batch gave a row that the whole has not, with nothing in any of the record's own columns."""
    difference = trial.difference
    if difference is None or difference.whole is not None or not isinstance(difference.split, dict):
        return False
    own = [value for name, value in difference.split.items() if name in trial.stream.document.input]
    return bool(own) and all(value is None for value in own)


def _rounded_integers(trial: _Trial) -> list[str]:
    """Return the float64 columns in which JSON's integers stand that a float cannot hold exactly."""
    if trial.stream.document.spec.format != "json":
        return []
    frame = trial.first.before
    records = trial.records.take(np.unique(trial.first.before_positions))
    floats = [str(name) for name, column in frame.items() if column.dtype == np.float64]
    large = [name for name in floats if frame[name].abs().max() > _EXACT]
    rounded: set[str] = set()
    for value in records.values if large else []:
        for fields in parse_objects(value):
            found = [fields.get(name) for name in large]
            rounded |= {
                name for name, field in zip(large, found, strict=True) if isinstance(field, int) and abs(field) > _EXACT
            }
    return sorted(rounded)


def _failed(result: BatchResult) -> int:
    return len({failure.position for failure in result.failures})  # a record of several rows may fail in each


def _most_records_of_a_partition(trial: _Trial) -> int:
    given = np.unique(trial.first.source)  # a record may give several rows, to one topic or to several
    return int(np.unique(trial.records.partitions[given], return_counts=True)[1].max())


def _messages(trial: _Trial) -> list[str]:
    first = trial.first
    messages = [
        f"`{name}` is written as an integer in some batches and with a point in others (1 and 1.0)."
        for name in sorted(trial.drifted)
    ]
    messages += [
        f"`{name}` holds whole numbers beyond 2^53, which float64 rounds: declare --type {name}=Int64 if they fit 64 "
        f"bits, else write them as text."
        for name in _rounded_integers(trial)
    ]
    messages += [f"`{name}` agrees up to rounding in the last digits." for name in sorted(trial.rounded)]
    messages += trial.touches.messages()
    if trial.halved:
        messages.append("The cell fails on frames of several rows and goes through with fewer: it will be slow.")
    per_record = trial.whole_seconds / max(len(trial.records), 1)
    if per_record > SLOW_PER_RECORD:
        messages.append(f"{per_record * 1000:.1f} ms a record: at most {1 / per_record:,.0f} records/s a replica.")
    messages += [
        f"The field `{name}` is in {count:,} records and not among the columns: dropped."
        for name, count in sorted(first.dropped.items())
    ]
    return messages

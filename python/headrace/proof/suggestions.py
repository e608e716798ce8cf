"""Declarations that were tried and make a stream of a cell that is none yet."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
import orjson
from pydantic import ValidationError

from headrace.engine.bisect import CELL_FAILURES
from headrace.engine.context import Function
from headrace.engine.function import compile_body
from headrace.engine.result import BatchResult
from headrace.engine.stream import Stream
from headrace.engine.trial import process
from headrace.errors import HeadraceError
from headrace.kafka.inference import InferredTypes
from headrace.kafka.records import Records
from headrace.proof.candidates import Named, candidates
from headrace.proof.causes import find_causes
from headrace.proof.cell_text import Rewrite
from headrace.proof.check import check
from headrace.proof.prepare import prepare
from headrace.proof.quiet import quiet
from headrace.proof.rewrites import rewrite
from headrace.proof.side_samples import SideSamples
from headrace.proof.verdict import Verdict
from headrace.spec import StreamSpec, declarations

BUDGET = 8.0
"""Seconds after which no further declaration is tried."""
_DIGITS = 9
_MOST_REWRITES = 4
"""What was inside of something rewritten is rewritten the next time."""

_FUTURE = "it looks at rows that come later, and a stream has none of them yet"
_GROWS = "it needs all rows since the beginning, and a lookback forgets: keep what it adds up in a --state"
_SAMPLE = (
    "it depends on the rows that happen to be in the sample: make what it computes from them a --param, or a constant "
    "of another cell"
)
_WHOLE = "it depends on all rows there are: compute it in a --window, whose rows are complete"
_CHANGES = "it gives something else on each run"
_SIGNED = frozenset({"shift", "diff", "pct_change"})
"""With a negative number they look at rows that come later."""
_REASONS: dict[str, str] = {
    **dict.fromkeys(("bfill", "interpolate"), _FUTURE),
    **dict.fromkeys(("cumsum", "cumprod", "cummax", "cummin", "cumcount", "expanding", "ewm", "ffill"), _GROWS),
    **dict.fromkeys(("drop_duplicates", "duplicated"), _GROWS),
    **dict.fromkeys(
        ("mean", "median", "std", "var", "min", "max", "quantile", "mode", "fit", "fit_transform"), _SAMPLE
    ),
    **dict.fromkeys(("get_dummies", "factorize", "codes"), f"{_SAMPLE}, for categories a fixed list of them"),
    **dict.fromkeys(
        ("rank", "qcut", "nlargest", "nsmallest", "sort_values", "head", "tail", "value_counts", "describe"), _WHOLE
    ),
    **dict.fromkeys(("groupby", "agg", "aggregate", "pivot", "pivot_table", "crosstab", "resample", "unstack"), _WHOLE),
    **dict.fromkeys(("sample", "random", "rand", "randn", "randint", "choice", "normal", "uniform", "uuid4"), _CHANGES),
    **dict.fromkeys(("now", "today", "utcnow"), _CHANGES),
}
"""Why no declaration makes a stream of a cell that uses a name; what is first in the code counts."""


@dataclass(frozen=True, slots=True)
class _Cell:
    """The cell as it is declared, with what it gave on the whole sample."""

    stream: Stream
    function: Function
    inferred: InferredTypes
    records: Records
    whole: BatchResult
    sides: SideSamples | None

    @property
    def spec(self) -> StreamSpec:
        """What is declared."""
        return self.stream.document.spec

    @property
    def fails(self) -> bool:
        """Whether the cell fails on every record: ``rolling("6h")`` does where no column is the time."""
        return len({failure.position for failure in self.whole.failures}) == len(self.records)


def with_suggestion(
    verdict: Verdict,
    stream: Stream,
    function: Function,
    inferred: InferredTypes,
    records: Records,
    whole: BatchResult,
    sides: SideSamples | None = None,
    *,
    budget: float = BUDGET,
) -> Verdict:
    """Return the verdict; where batch differs from stream, with a declaration that makes them equal, or why none does.

    Each is tried as it would be used: prepared, run over the sample and over a second one, its later half, and checked
    there. It counts only if it changes no output: what it gives on the whole is what the cell gave without it, but for
    windows that the sample leaves open.

    Args:
        verdict: of the cell as it is declared.
        stream: that declaration with the cell, as it was checked.
        function: the cell.
        inferred: the source topic's column types.
        records: the sample.
        whole: what it gave on the whole sample.
        sides: what is pinned of the side inputs.
        budget: seconds after which no further declaration is tried.
    """
    spec = stream.document.spec
    cell = _Cell(stream, function, inferred, records, whole, sides)
    if not (verdict.equal is False or cell.fails) or spec.states or not len(records):
        return verdict
    if stream.edges is not None:  # the past that is pinned is that of the old declaration: what is tried has none
        with quiet():
            alone = replace(stream, edges=None)
            cell = replace(cell, stream=alone, whole=process(alone, records))
    deadline = time.perf_counter() + budget
    with quiet():
        found, cut_after = _found(cell, deadline)
        other = _rewritten(cell) if found is None and not cell.fails else None
    if found is None and cell.fails:
        return verdict
    if found is None:
        reason = _without_any(verdict, cell)
        if cut_after is not None:
            reason = (
                f"{verdict.reason} {cut_after} declarations were tried in {budget:g} s, and none makes it a stream."
            )
        if other is None:
            return verdict.model_copy(update={"reason": reason})
        reason = f"{reason} Tried: rewritten so that {other.says}, batch and stream are equal."
        return verdict.model_copy(update={"reason": reason, "rewrite": other.text})
    declared, proof = found
    words = declarations(spec, declared)
    shown = "makes batch and stream equal" if proof.equal else "agrees on this sample, which does not prove it"
    return verdict.model_copy(
        update={"suggestion": words, "reason": f"{verdict.reason} Tried: `{words}` {shown}."},
    )


def _found(cell: _Cell, deadline: float) -> tuple[tuple[StreamSpec, Verdict] | None, int | None]:
    """Return the first declaration that is proved, else the first that agrees.

    And, where the time was up before all were tried, how many were.
    """
    agreed: tuple[StreamSpec, Verdict] | None = None
    tried = 0
    if not find_causes(cell.function):
        return None, None  # nothing in it looks at other rows
    for change in candidates(cell.spec, cell.function, dict(cell.stream.document.input)):
        if time.perf_counter() > deadline:
            return agreed, tried
        declared = _declared(cell.spec, change)
        if declared is None or (cell.fails and declared.time == cell.spec.time):
            continue  # what fails on every record lacks a time, if anything that can be declared
        tried += 1
        proof = _tried(cell, declared)
        if proof is None:
            continue
        if proof.equal:
            return (declared, proof), None
        if (lookback := declared.looks_back) is not None and lookback.rows is not None:
            continue  # so many rows were never cut, which says nothing
        agreed = agreed or (declared, proof)
    return agreed, None


def _rewritten(cell: _Cell) -> Rewrite | None:
    """Return another text for the cell that gives the same and is equal in batch and stream."""
    function, said = cell.function, []
    for _ in range(_MOST_REWRITES):
        try:
            found = rewrite(function, cell.spec.argument_names, lambda watched: _run(cell, watched))
            if found is None:
                return None
            said.append(found.says)
            function = compile_body(
                found.text,
                filename="<cell>",
                namespace=function.__globals__,
                arguments=cell.spec.argument_names,
            )
        except (HeadraceError, *CELL_FAILURES):
            return None
        proof = _tried(replace(cell, function=function), cell.spec)
        if proof is not None and proof.equal:
            return Rewrite(found.text, "; ".join(dict.fromkeys(said)))
    return None


def _run(cell: _Cell, function: Function) -> None:
    process(replace(cell.stream, function=function), cell.records)


def _declared(spec: StreamSpec, change: dict[str, str | None]) -> StreamSpec | None:
    try:
        declared = StreamSpec.model_validate(spec.model_dump() | change)
    except (ValidationError, ValueError):
        return None
    return None if declared == spec else declared


def _tried(cell: _Cell, declared: StreamSpec) -> Verdict | None:
    """Return what the check says of a declaration, or ``None`` when it does not do."""
    try:
        stream = prepare(declared, cell.function, cell.inferred, cell.records, cell.sides)
        whole = process(stream, cell.records)
        kept = bool(whole.values) and not whole.failures if cell.fails else _keeps(cell.whole, whole, declared)
        if not kept:
            return None
        if check(stream, cell.records, whole=whole, budget=0).equal is False:
            return None
        half = cell.records.take(np.arange(len(cell.records) // 2, len(cell.records), dtype=np.int64))
        if check(stream, half, seed=1, budget=0).equal is False:
            return None
        proof = check(stream, cell.records, seed=2, whole=whole)
    except (HeadraceError, *CELL_FAILURES):
        return None
    return None if proof.equal is False or not proof.splits else proof


def _keeps(before: BatchResult, after: BatchResult, declared: StreamSpec) -> bool:
    """Whether a declaration leaves the outputs as they were, but for those of windows that are still open."""
    if {failure.position for failure in before.failures} != {failure.position for failure in after.failures}:
        return False
    one, other = Counter(map(_rounded, before.values)), Counter(map(_rounded, after.values))
    if declared.window:
        return bool(other) and not other - one
    return one == other


def _rounded(value: bytes) -> str:
    return repr({name: _number(item) for name, item in orjson.loads(value).items()})


def _number(value: object) -> object:
    """Return a value so that equal numbers are one: whole ones exactly, others up to their last digits."""
    if not isinstance(value, float):
        return value
    if value.is_integer():
        return int(value)
    rounded = float(f"%.{_DIGITS}g" % value)
    return int(rounded) if rounded.is_integer() and abs(rounded) < 10**_DIGITS else rounded


def _without_any(verdict: Verdict, cell: _Cell) -> str:
    causes = find_causes(cell.function)
    reasons = {cause: _REASONS[cause.name] for cause in causes if cause.name in _REASONS}
    if any(number < 0 for number in Named.of(cell.function).numbers):
        reasons = {cause: _FUTURE for cause in causes if cause.name in _SIGNED} | reasons
    for cause, reason in reasons.items():
        return f"{verdict.reason} No declaration makes this a stream: {cause} is why, {reason}."
    return verdict.reason

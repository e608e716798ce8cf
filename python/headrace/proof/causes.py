"""What a cell calls that can make its output depend on other rows than its own."""

from __future__ import annotations

import dis
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from types import CodeType, FunctionType

from headrace.engine.context import Function

_OTHER_ROWS = "takes in other rows"
_NEIGHBOURS = "takes values from the rows before or after"
_ORDER = "depends on which rows stand together"
_CLOCK = "depends on the clock"
_COUNTS = "counts from the start of each batch"
_CHANCE = "is random"

CAUSES: dict[str, str] = {
    **dict.fromkeys(
        (
            *("shift", "diff", "pct_change", "ffill", "bfill", "interpolate", "rolling", "expanding", "ewm"),
            *("cumsum", "cumprod", "cummax", "cummin", "cumcount", "asfreq", "resample"),
        ),
        _NEIGHBOURS,
    ),
    **dict.fromkeys(
        (
            *("rank", "qcut", "get_dummies", "factorize", "drop_duplicates", "duplicated", "groupby", "ngroup"),
            *("nunique", "value_counts", "pivot", "pivot_table", "crosstab", "unstack", "fit_transform", "describe"),
        ),
        _OTHER_ROWS,
    ),
    **dict.fromkeys(("head", "tail", "nlargest", "nsmallest", "sort_values"), _ORDER),
    **dict.fromkeys(("now", "today", "utcnow"), _CLOCK),
    "sample": _CHANCE,
}
"""Names that keep agreeing runs from being a proof: the sample may just not show it."""

_EXPLANATIONS: dict[str, str] = {
    **dict.fromkeys(
        (
            *("mean", "median", "std", "var", "sum", "min", "max", "quantile", "mode", "count", "agg", "aggregate"),
            *("corr", "cov", "skew", "sem", "idxmin", "idxmax", "argsort", "unique", "transform", "fit"),
        ),
        _OTHER_ROWS,
    ),
    **dict.fromkeys(("iloc", "index", "reset_index", "arange", "codes"), _COUNTS),
    "sort_index": _ORDER,
    **dict.fromkeys(("random", "rand", "randn", "randint", "choice", "normal", "uniform", "uuid4"), _CHANCE),
}
"""Names that explain a difference and prove nothing as long as there is none."""

_CLOCK_TEXTS = {"now", "today"}
"""Texts that pandas and numpy read as a time: ``pd.Timestamp("today")``."""
_DEEPEST = 5


@dataclass(frozen=True, slots=True)
class Cause:
    """A name that a cell uses.

    Attributes:
        name: the method or function, ``rolling``.
        line: its line in the cell or in ``transform.py``, where known.
        effect: what it does to a stream.
        certain: it may depend on other rows even where two runs agree.
    """

    name: str
    line: int | None
    effect: str
    certain: bool

    def __str__(self) -> str:
        return f"`{self.name}`" + (f" (line {self.line})" if self.line else "")


def find_causes(function: Function) -> list[Cause]:
    """Return what in ``function``, and in functions of the same module it calls, can look at other rows.

    Read from the compiled code, nothing is run. Those that can hide on a sample come first.
    """
    found: dict[str, Cause] = {}
    for name, line in _names(function):
        certain = name in CAUSES
        effect = CAUSES.get(name) or _EXPLANATIONS.get(name)
        if effect and name not in found:
            found[name] = Cause(name, line, effect, certain)
    return sorted(found.values(), key=lambda cause: not cause.certain)


def functions_of(function: Function) -> list[FunctionType]:
    """Return ``function`` and the functions it reaches by name that are the user's own, not an installed package's."""
    pending: list[tuple[object, int]] = [(function, 0)]
    known: dict[int, FunctionType] = {}
    while pending:
        candidate, depth = pending.pop()
        if not isinstance(candidate, FunctionType) or id(candidate) in known or not _own(candidate):
            continue
        known[id(candidate)] = candidate
        if depth < _DEEPEST:
            names = {name for code in codes_of(candidate.__code__) for name in code.co_names}
            pending += [(candidate.__globals__[name], depth + 1) for name in names if name in candidate.__globals__]
    return list(known.values())


def codes_of(code: CodeType) -> Iterator[CodeType]:
    """Yield a function's code and that of the functions, lambdas and comprehensions within it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from codes_of(constant)


def _names(function: Function) -> Iterator[tuple[str, int | None]]:
    for own in functions_of(function):
        for code in codes_of(own.__code__):
            for instruction in dis.get_instructions(code):
                name = instruction.argval
                if isinstance(name, str) and (name in code.co_names or name in _CLOCK_TEXTS):
                    yield name, instruction.positions.lineno if instruction.positions else None


def _own(function: FunctionType) -> bool:
    path = function.__code__.co_filename
    return "site-packages" not in path and not path.startswith((sys.base_prefix, "<frozen"))

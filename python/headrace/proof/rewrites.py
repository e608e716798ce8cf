"""Other texts for a cell, in which what it takes from its sample stands as constants, or a sort is left out."""

from __future__ import annotations

import ast
import copy
import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from headrace.engine.context import Function
from headrace.engine.function import FRAME_NAME, SOURCE_ATTRIBUTE, compile_body

_REDUCTIONS = frozenset({"mean", "median", "std", "var", "min", "max", "sum", "quantile", "nunique", "count", "skew"})
_SORTS = frozenset({"sort_values", "sort_index"})
_MOST_CATEGORIES = 200
_MOST_NUMBERS = 20
_INDENT = "    "
_NOTE = "__headrace_note__"


@dataclass(frozen=True, slots=True)
class Rewrite:
    """Another text for a cell.

    Attributes:
        text: the body, without the magic line.
        says: what is changed, for a sentence: ```df.dep_delay.mean()` is a constant``.
    """

    text: str
    says: str


@dataclass(frozen=True, slots=True)
class _Change:
    """A part of the body and what stands in its place."""

    start: int
    end: int
    text: str
    says: str
    above: str = ""


_Made = Callable[["_Body", ast.Call, list[Any]], _Change | None]


def rewrite(function: Function, names: tuple[str, ...], run: Callable[[Function], object]) -> Rewrite | None:
    """Return a text for the cell that no longer takes from the sample what this one does; ``None`` without any.

    What the cell takes is seen in one run: numbers (``df.delay.mean()``), categories (``get_dummies``,
    ``astype("category")``, ``factorize``) and edges of bins (``qcut``, ``cut`` into a number of bins). Sorts are left
    out, and columns computed from the unfiltered frame are computed from the rows that they are assigned to.

    Args:
        function: the cell, as :func:`headrace.engine.function.compile_body` or a stream folder gives it.
        names: the arguments that it takes beside the frame.
        run: runs a function over the whole sample.
    """
    source = source_of(function)
    if source is None:
        return None
    body = _Body(source)
    spots = [(node, made) for node in body.calls() if (made := _made(node)) is not None]
    if not spots:
        return None
    notes: dict[int, list[Any]] = {}
    run(_watched(body, function, names, spots, notes))
    changes: list[_Change] = []
    for number, (node, made) in enumerate(spots):
        seen = notes.get(number, [])[: 1 + _takes(node)]  # of the first call, which has the whole sample
        if any(change.start <= body.start(node) < change.end for change in changes):
            continue  # inside of what is changed already
        change = made(body, node, seen)
        if change is not None:
            changes.append(change)
    return body.changed(changes) if changes else None


def source_of(function: Function) -> str | None:
    """Return a cell's body as text, ``None`` where it cannot be known or is more than one expression at the end."""
    own = getattr(function, SOURCE_ATTRIBUTE, None)
    if own is not None:
        return str(own)
    try:
        text = inspect.getsource(function)
        (definition,) = ast.parse(text).body
    except (OSError, TypeError, SyntaxError, ValueError):
        return None
    if not isinstance(definition, ast.FunctionDef):
        return None
    returns = [node for node in ast.walk(definition) if isinstance(node, ast.Return)]
    last = definition.body[-1]
    if returns != [last] or not isinstance(last, ast.Return) or last.value is None:
        return None
    lines = text.splitlines(keepends=True)
    lines[last.lineno - 1] = lines[last.lineno - 1].replace("return ", "", 1)
    texts = [node for node in ast.walk(definition) if isinstance(node, ast.JoinedStr | ast.Constant)]
    inside = {line for node in texts for line in range(node.lineno, node.end_lineno or node.lineno)}
    below = range(definition.lineno, len(lines))
    return "".join(lines[at] if at in inside else lines[at].removeprefix(_INDENT) for at in below)


def _made(node: ast.Call) -> _Made | None:
    """Return what can be put in the place of a call, by its name."""
    name = node.func.attr if isinstance(node.func, ast.Attribute) else None
    if name in _REDUCTIONS:
        return _constant
    if name in _SORTS:
        return _unsorted
    return _BY_NAME.get(name or "")


@dataclass(slots=True)
class _Body:
    """A cell's body as text and tree."""

    source: str
    data: bytes = b""
    starts: list[int] = field(default_factory=list)
    tree: ast.Module = field(default_factory=lambda: ast.Module([], []))
    taken: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.data = self.source.encode()
        self.starts = [0]
        for line in self.data.splitlines(keepends=True):
            self.starts.append(self.starts[-1] + len(line))
        self.tree = ast.parse(self.source)
        self.taken = {node.id for node in ast.walk(self.tree) if isinstance(node, ast.Name)}

    def calls(self) -> Iterator[ast.Call]:
        """Yield the calls outside of functions and lambdas, the outer ones first."""
        pending: list[ast.AST] = list(self.tree.body)
        while pending:
            node = pending.pop(0)
            if isinstance(node, ast.Call):
                yield node
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
                pending += ast.iter_child_nodes(node)

    def start(self, node: ast.expr) -> int:
        return self.starts[node.lineno - 1] + node.col_offset

    def end(self, node: ast.expr) -> int:
        return self.starts[(node.end_lineno or node.lineno) - 1] + (node.end_col_offset or 0)

    def text(self, node: ast.expr) -> str:
        return self.data[self.start(node) : self.end(node)].decode()

    def name(self, wanted: str) -> str:
        """Return a name that nobody has yet."""
        name, number = wanted, 2
        while name in self.taken:
            name, number = f"{wanted}_{number}", number + 1
        self.taken.add(name)
        return name

    def changed(self, changes: list[_Change]) -> Rewrite:
        """Return the text with the changes in it, constants above it."""
        data = self.data
        for change in sorted(changes, key=lambda change: -change.start):
            data = data[: change.start] + change.text.encode() + data[change.end :]
        above = "".join(f"{change.above}\n" for change in changes if change.above)
        return Rewrite(above + data.decode(), "; ".join(dict.fromkeys(change.says for change in changes)))


def _watched(
    body: _Body,
    function: Function,
    names: tuple[str, ...],
    spots: list[tuple[ast.Call, _Made]],
    notes: dict[int, list[Any]],
) -> Function:
    """Return the cell as a function that notes what the calls at ``spots`` take first and what they give."""
    for number, (node, _) in enumerate(spots):
        setattr(node, _NOTE, number)
    tree = _Watching().visit(copy.deepcopy(body.tree))

    def note(number: int, value: Any) -> Any:  # noqa: ANN401  whatever the cell computes
        notes.setdefault(number, []).append(value)
        return value

    text = ast.unparse(ast.fix_missing_locations(tree))
    namespace = {**function.__globals__, _NOTE: note}  # type: ignore[attr-defined]  # every function has them
    return compile_body(text, filename="<cell>", namespace=namespace, arguments=names)


class _Watching(ast.NodeTransformer):
    """Pass what marked calls take first, and what they give, through a function that notes it."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        number = getattr(node, _NOTE, None)
        self.generic_visit(node)
        if number is None:
            return node
        if _takes(node):
            node.args[0] = _noted(number, node.args[0])
        return _noted(number, node)


def _takes(node: ast.Call) -> bool:
    return bool(node.args) and not isinstance(node.args[0], ast.Starred)


def _noted(number: int, value: ast.expr) -> ast.Call:
    return ast.Call(ast.Name(_NOTE, ast.Load()), [ast.Constant(number), value], [])


def _constant(body: _Body, node: ast.Call, seen: list[Any]) -> _Change | None:
    """Put a constant in the place of a number, or of a number a column, that is computed from the sample."""
    value = seen[-1] if seen else None
    text = _as_text(value)
    if text is None or not isinstance(node.func, ast.Attribute):
        return None
    name = body.name(_named(node.func.value, node.func.attr))
    return _Change(
        body.start(node),
        body.end(node),
        name,
        f"`{body.text(node)}` is the constant `{name}`, for which a --param does too",
        f"{name} = {text}",
    )


def _as_text(value: object) -> str | None:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool | int | str):
        return repr(value)
    if isinstance(value, float):
        return repr(value) if np.isfinite(value) else None
    if isinstance(value, pd.Timestamp | pd.Timedelta):
        return None if value is pd.NaT else f"pd.{type(value).__name__}({str(value)!r})"
    if isinstance(value, pd.Series) and len(value) <= _MOST_NUMBERS and all(isinstance(at, str) for at in value.index):
        items = {str(at): _as_text(item) for at, item in value.items()}
        if value.index.is_unique and all(item is not None for item in items.values()):
            inside = ", ".join(f"{at!r}: {item}" for at, item in items.items())
            return f"pd.Series({{{inside}}})"
    return None


def _named(receiver: ast.expr, method: str) -> str:
    while isinstance(receiver, ast.Call) and isinstance(receiver.func, ast.Attribute):
        receiver = receiver.func.value
    if isinstance(receiver, ast.Attribute):
        base = receiver.attr
    elif isinstance(receiver, ast.Subscript) and isinstance(receiver.slice, ast.Constant):
        base = str(receiver.slice.value)
    elif isinstance(receiver, ast.Name):
        base = receiver.id
    else:
        base = "sample"
    return re.sub(r"\W", "_", f"{base}_{method}", flags=re.ASCII).lower().lstrip("0123456789_") or method


def _unsorted(body: _Body, node: ast.Call, _seen: list[Any]) -> _Change | None:
    if not isinstance(node.func, ast.Attribute):
        return None
    kept = body.text(node.func.value)
    return _Change(
        body.start(node), body.end(node), kept, f"`{node.func.attr}` is left out: a stream has its own order"
    )


def _categories(body: _Body, node: ast.Call, seen: list[Any]) -> _Change | None:
    """``astype("category")`` to the categories of the sample."""
    given = [argument.value for argument in node.args if isinstance(argument, ast.Constant)]
    if given != ["category"] or not seen or not isinstance(node.func, ast.Attribute):
        return None
    dtype = _dtype(list(seen[-1].cat.categories)) if isinstance(seen[-1], pd.Series) else None
    if dtype is None:
        return None
    text = f"{body.text(node.func.value)}.astype({dtype})"
    return _Change(body.start(node), body.end(node), text, "the categories are a fixed list")


def _dummies(body: _Body, node: ast.Call, seen: list[Any]) -> _Change | None:
    """``get_dummies`` of columns whose categories are those of the sample."""
    if len(seen) < 2 or not node.args:  # noqa: PLR2004  what it took and what it gave
        return None
    taken, first = seen[0], node.args[0]
    if isinstance(taken, pd.Series):
        dtype = _dtype(sorted(taken.dropna().unique().tolist()))
        typed = None if dtype is None else f"{body.text(first)}.astype({dtype})"
    elif isinstance(taken, pd.DataFrame):
        columns = _columns(node, taken)
        dtypes = {name: _dtype(sorted(taken[name].dropna().unique().tolist())) for name in columns}
        inside = ", ".join(f"{name!r}: {dtype}" for name, dtype in dtypes.items())
        typed = None if None in dtypes.values() or not dtypes else f"{body.text(first)}.astype({{{inside}}})"
    else:
        typed = None
    if typed is None:
        return None
    return _Change(body.start(first), body.end(first), typed, "the categories are a fixed list")


def _columns(node: ast.Call, frame: pd.DataFrame) -> list[str]:
    for keyword in node.keywords:
        if keyword.arg == "columns":
            try:
                return [str(name) for name in ast.literal_eval(keyword.value)]
            except ValueError:
                return []
    return [str(name) for name in frame.select_dtypes(["object", "string", "category"]).columns]


def _factorized(body: _Body, node: ast.Call, seen: list[Any]) -> _Change | None:
    """``factorize`` with the values of the sample, in the order in which they came first there."""
    if len(seen) < 2 or not node.args or node.keywords:  # noqa: PLR2004  what it took and what it gave
        return None
    values = _list(list(seen[-1][1]))
    if values is None:
        return None
    text = f"(pd.Categorical({body.text(node.args[0])}, categories={values}).codes, {values})"
    return _Change(body.start(node), body.end(node), text, "the values are a fixed list")


def _binned(body: _Body, node: ast.Call, seen: list[Any]) -> _Change | None:
    """``qcut``, or ``cut`` into a number of bins, with the edges that the sample gives."""
    if len(seen) < 2 or len(node.args) < 2 or not isinstance(node.func, ast.Attribute):  # noqa: PLR2004
        return None
    column, name = seen[0], node.func.attr
    try:
        count = ast.literal_eval(node.args[1])
    except ValueError:
        return None
    if name == "cut" and not isinstance(count, int):
        return None
    if {keyword.arg for keyword in node.keywords} - {"labels", "precision"} or len(node.args) > 2:  # noqa: PLR2004
        return None
    edges = getattr(pd, name)(column, count, retbins=True)[1]
    bins = "[" + ", ".join(repr(float(edge)) for edge in edges) + "]"
    rest = "".join(f", {keyword.arg}={body.text(keyword.value)}" for keyword in node.keywords)
    lowest = ", include_lowest=True" if name == "qcut" else ""
    pandas = body.text(node.func.value)
    text = f"{pandas}.cut({body.text(node.args[0])}, {bins}{rest}{lowest})"
    return _Change(body.start(node), body.end(node), text, "the edges of the bins are constants")


def _from_its_rows(body: _Body, node: ast.Call, _seen: list[Any]) -> _Change | None:
    """``rows.assign(x=df.a > 1)`` with the column computed from ``rows``, where those are not all rows of ``df``."""
    if not isinstance(node.func, ast.Attribute) or (
        isinstance(node.func.value, ast.Name) and node.func.value.id == FRAME_NAME
    ):
        return None
    pieces: list[tuple[int, int, str]] = []
    for keyword in node.keywords:
        names = [part for part in ast.walk(keyword.value) if isinstance(part, ast.Name) and part.id == FRAME_NAME]
        if keyword.arg is None or not names or isinstance(keyword.value, ast.Lambda):
            continue
        pieces.append((body.start(keyword.value), body.start(keyword.value), "lambda rows: "))
        pieces += [(body.start(part), body.end(part), "rows") for part in names]
    if not pieces:
        return None
    start, end = body.start(node), body.end(node)
    data = body.data
    for first, last, text in sorted(pieces, key=lambda piece: (-piece[0], -piece[1])):
        data = data[:first] + text.encode() + data[last:]
    grown = len(data) - len(body.data)
    return _Change(
        start, end, data[start : end + grown].decode(), "the new columns are computed from the filtered rows"
    )


def _dtype(values: list[Any]) -> str | None:
    text = _list(values)
    return None if text is None else f"pd.CategoricalDtype({text})"


def _list(values: list[Any]) -> str | None:
    texts = [_as_text(value) for value in values[: _MOST_CATEGORIES + 1]]
    if not texts or len(texts) > _MOST_CATEGORIES or None in texts:
        return None
    return f"[{', '.join(str(text) for text in texts)}]"


_BY_NAME: Mapping[str, _Made] = {
    "astype": _categories,
    "get_dummies": _dummies,
    "factorize": _factorized,
    "qcut": _binned,
    "cut": _binned,
    "assign": _from_its_rows,
}

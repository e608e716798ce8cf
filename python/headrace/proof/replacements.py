"""What stands in a cell in the place of calls that take something from the sample."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from headrace.engine.function import FRAME_NAME
from headrace.proof.cell_text import CellText, Change

_REDUCTIONS = frozenset({"mean", "median", "std", "var", "min", "max", "sum", "quantile", "nunique", "count", "skew"})
_SORTS = frozenset({"sort_values", "sort_index"})
_MOST_CATEGORIES = 200
_MOST_NUMBERS = 20

Maker = Callable[["CellText", ast.Call, list[Any]], Change | None]


def maker_of(node: ast.Call) -> Maker | None:
    """Return what can be put in the place of a call, by its name."""
    name = node.func.attr if isinstance(node.func, ast.Attribute) else None
    if name in _REDUCTIONS:
        return _constant
    if name in _SORTS:
        return _unsorted
    return _BY_NAME.get(name or "")


def _constant(body: CellText, node: ast.Call, seen: list[Any]) -> Change | None:
    """Put a constant in the place of a number, or of a number a column, that is computed from the sample."""
    value = seen[-1] if seen else None
    text = _as_text(value)
    if text is None or not isinstance(node.func, ast.Attribute):
        return None
    name = body.name(_named(node.func.value, node.func.attr))
    return Change(
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
        return f"pd.{type(value).__name__}({str(value)!r})"
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


def _unsorted(body: CellText, node: ast.Call, _seen: list[Any]) -> Change | None:
    if not isinstance(node.func, ast.Attribute):
        return None
    kept = body.text(node.func.value)
    return Change(body.start(node), body.end(node), kept, f"`{node.func.attr}` is left out: a stream has its own order")


def _categories(body: CellText, node: ast.Call, seen: list[Any]) -> Change | None:
    """``astype("category")`` to the categories of the sample."""
    given = [argument.value for argument in node.args if isinstance(argument, ast.Constant)]
    if given != ["category"] or not seen or not isinstance(node.func, ast.Attribute):
        return None
    dtype = _dtype(list(seen[-1].cat.categories)) if isinstance(seen[-1], pd.Series) else None
    if dtype is None:
        return None
    text = f"{body.text(node.func.value)}.astype({dtype})"
    return Change(body.start(node), body.end(node), text, "the categories are a fixed list")


def _dummies(body: CellText, node: ast.Call, seen: list[Any]) -> Change | None:
    """``get_dummies`` to comparisons with the categories of the sample."""
    if len(seen) < 2 or not isinstance(node.args[0], ast.Name | ast.Attribute):  # noqa: PLR2004  what it takes, and gives
        return None
    taken, given = seen[0], body.text(node.args[0])
    if isinstance(taken, pd.Series) and not node.keywords:
        values = _categories_of(taken)
        text = f"pd.DataFrame({{value: {given} == value for value in {values}}})" if values else None
    elif isinstance(taken, pd.DataFrame) and {keyword.arg for keyword in node.keywords} <= {"columns"}:
        columns = _columns(node, taken)
        found = {name: _categories_of(taken[name]) for name in columns}
        text = None
        if found and None not in found.values():
            made = ", ".join(
                f"**{{f'{name}_{{value}}': {given}[{name!r}] == value for value in {values}}}"
                for name, values in found.items()
            )
            text = f"{given}.drop(columns={columns!r}).assign({made})"
    else:
        text = None
    if text is None:
        return None
    return Change(body.start(node), body.end(node), text, "the categories are a fixed list")


def _categories_of(column: pd.Series[Any]) -> str | None:
    return _list(sorted(column.dropna().unique().tolist()))


def _columns(node: ast.Call, frame: pd.DataFrame) -> list[str]:
    for keyword in node.keywords:
        if keyword.arg == "columns":
            try:
                return [str(name) for name in ast.literal_eval(keyword.value)]
            except ValueError:
                return []
    return [str(name) for name in frame.select_dtypes(["object", "string", "category"]).columns]


def _factorized(body: CellText, node: ast.Call, seen: list[Any]) -> Change | None:
    """``factorize`` with the values of the sample, in the order in which they came first there."""
    if len(seen) < 2 or not node.args or node.keywords:  # noqa: PLR2004  what it took and what it gave
        return None
    values = _list(list(seen[-1][1]))
    if values is None:
        return None
    text = f"(pd.Categorical({body.text(node.args[0])}, categories={values}).codes, {values})"
    return Change(body.start(node), body.end(node), text, "the values are a fixed list")


def _binned(body: CellText, node: ast.Call, seen: list[Any]) -> Change | None:
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
    return Change(body.start(node), body.end(node), text, "the edges of the bins are constants")


def _from_its_rows(body: CellText, node: ast.Call, _seen: list[Any]) -> Change | None:
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
    return Change(start, end, data[start : end + grown].decode(), "the new columns are computed from the filtered rows")


def _dtype(values: list[Any]) -> str | None:
    text = _list(values)
    return None if text is None else f"pd.CategoricalDtype({text})"


def _list(values: list[Any]) -> str | None:
    texts = [_as_text(value) for value in values[: _MOST_CATEGORIES + 1]]
    if not texts or len(texts) > _MOST_CATEGORIES or None in texts:
        return None
    return f"[{', '.join(str(text) for text in texts)}]"


STRUCTURAL: tuple[Maker, ...] = (_unsorted, _from_its_rows)
"""What moves rows or columns; done when there is nothing left to be made a constant."""

_BY_NAME: Mapping[str, Maker] = {
    "astype": _categories,
    "get_dummies": _dummies,
    "factorize": _factorized,
    "qcut": _binned,
    "cut": _binned,
    "assign": _from_its_rows,
}

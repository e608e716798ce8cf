"""Other texts for a cell, in which what it takes from its sample stands as constants, or a sort is left out."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable
from typing import Any

from headrace.engine.context import Function
from headrace.engine.function import compile_body
from headrace.proof.cell_text import CellText, Change, Rewrite, source_of
from headrace.proof.replacements import STRUCTURAL, Maker, maker_of

_NOTE = "__headrace_note__"


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
    body = CellText(source)
    spots = [(node, made) for node in body.calls() if (made := maker_of(node)) is not None]
    if not spots:
        return None
    notes: dict[int, list[Any]] = {}
    run(_watched(body, function, names, spots, notes))
    for structural in (False, True):
        changes: list[Change] = []
        for number, (node, made) in enumerate(spots):
            inside = any(change.start <= body.start(node) < change.end for change in changes)
            if (made in STRUCTURAL) is not structural or inside:
                continue
            seen = notes.get(number, [])[: 1 + _takes(node)]  # of the first call, which has the whole sample
            change = made(body, node, seen)
            if change is not None:
                changes.append(change)
        if changes:
            return body.changed(changes)
    return None


def _watched(
    body: CellText,
    function: Function,
    names: tuple[str, ...],
    spots: list[tuple[ast.Call, Maker]],
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
    namespace = {**function.__globals__, _NOTE: note}
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

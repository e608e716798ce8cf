"""Write a cell's body as the lines of a function, comments and texts of several lines unchanged."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Sequence

from headrace.engine.function import FRAME_NAME

_INDENT = "    "
_STRING_STARTS = frozenset({"FSTRING_START", "TSTRING_START"})
_STRING_ENDS = frozenset({"FSTRING_END", "TSTRING_END"})


def function_lines(body: str, states: Sequence[str] = ()) -> list[str]:
    """Return a cell's body as the lines of a function: indented, its last expression returned, then its states.

    Lines inside a text of several lines are not indented: that would change the text.
    """
    returned = _with_return(body, states)
    inside = _inside_texts(returned)
    return [
        line if number in inside or not line.strip() else f"{_INDENT}{line}"
        for number, line in enumerate(returned.split("\n"), start=1)
    ]


def before(line: str, column: int) -> str:
    """Return what stands before a column of the syntax tree, which counts UTF-8 bytes."""
    return line.encode()[:column].decode()


def after(line: str, column: int) -> str:
    """Return what stands from a column of the syntax tree on, which counts UTF-8 bytes."""
    return line.encode()[column:].decode()


def _with_return(body: str, states: Sequence[str]) -> str:
    kept = "".join(f", {name}" for name in states)
    lines = body.split("\n")
    while lines and not lines[0].strip():
        lines.pop(0)
    while lines and not lines[-1].strip():
        lines.pop()
    tree = ast.parse("\n".join(lines)).body
    if not tree or not isinstance(tree[-1], ast.Expr):
        return "\n".join([*lines, f"return {FRAME_NAME}{kept}"])
    last = tree[-1]
    end = (last.end_lineno or last.lineno) - 1
    rest = after(lines[end], last.end_col_offset or 0).lstrip()
    if rest.startswith(";"):
        comment = rest.removeprefix(";").strip()
        lines[end] = before(lines[end], last.end_col_offset or 0) + (f"  {comment}" if comment else "")
    if kept:
        line = lines[end]
        lines[end] = f"{before(line, last.end_col_offset or 0)}{kept}{after(line, last.end_col_offset or 0)}"
    line = lines[last.lineno - 1]
    lines[last.lineno - 1] = f"{before(line, last.col_offset)}return {after(line, last.col_offset)}"
    return "\n".join(lines)


def _inside_texts(source: str) -> set[int]:
    """Return the 1-based lines that begin inside a text."""
    inside: set[int] = set()
    starts: list[int] = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        kind = tokenize.tok_name[token.type]
        if kind == "STRING":
            inside.update(range(token.start[0] + 1, token.end[0] + 1))
        elif kind in _STRING_STARTS:
            starts.append(token.start[0])
        elif kind in _STRING_ENDS:
            inside.update(range(starts.pop() + 1, token.end[0] + 1))
    return inside

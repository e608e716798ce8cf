"""Take the lines out of a cell that only IPython understands (``%``, ``!``, ``?``), line numbers kept."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

_LINE = re.compile(r"\s*(?:[%!?]|[\w.\[\]]+\s*\?{1,2}\s*$)|.*\S\?{1,2}\s*$")
_ASSIGNMENT = re.compile(r"\s*(?P<names>[A-Za-z_]\w*(?:\s*,\s*[A-Za-z_]\w*)*)\s*=\s*[!%]")
_PYTHON_MAGICS = frozenset({"%%time", "%%capture"})
"""Cell magics whose body runs as Python in the notebook's own namespace."""


@dataclass(frozen=True, slots=True)
class PlainCell:
    """A cell without its IPython lines.

    Attributes:
        source: Python with as many lines as the cell; a line taken out is ``pass`` or empty.
        tree: its syntax tree, or ``None`` when what is left is not Python (or another language's cell).
        shell_names: names that an IPython line assigned (``files = !ls``), with their 1-based line.
        problem: why there is no tree.
    """

    source: str
    tree: ast.Module | None
    shell_names: dict[str, int]
    problem: str = ""


def plain_cell(source: str) -> PlainCell:
    """Return the Python of a code cell.

    A line is taken out only where the parser stops on it, so a ``%`` inside a string or an expression stays.
    """
    lines = source.splitlines()
    first = next((number for number, line in enumerate(lines) if line.strip()), None)
    if first is not None and lines[first].lstrip().startswith("%%"):
        magic = lines[first].split(None, 1)[0]
        if magic not in _PYTHON_MAGICS:
            return PlainCell("", None, {}, f"it is a {magic} cell")
        lines[first] = ""
    shell_names: dict[str, int] = {}
    for _ in range(len(lines) + 1):
        try:
            text = "\n".join(lines)
            return PlainCell(text, ast.parse(text), shell_names)
        except SyntaxError as error:
            place = (error.lineno or 1) - 1
            problem = f"line {place + 1} is not Python: {error.msg}"
        except ValueError as error:
            return PlainCell("", None, shell_names, f"it is not Python: {error}")
        if place >= len(lines) or not _take_out(lines, place, shell_names):
            break
    return PlainCell("", None, shell_names, problem)


def _take_out(lines: list[str], place: int, shell_names: dict[str, int]) -> bool:
    line = lines[place]
    assignment = _ASSIGNMENT.match(line)
    if assignment is None and not _LINE.match(line):
        return False
    if assignment:
        shell_names.update({name.strip(): place + 1 for name in assignment["names"].split(",")})
    indent = line[: len(line) - len(line.lstrip())]
    while line.rstrip().endswith("\\") and place + 1 < len(lines):
        lines[place] = ""
        place += 1
        line = lines[place]
    lines[place] = f"{indent}pass"
    return True

"""A cell's body as text and tree, and changes of parts of it."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from dataclasses import dataclass, field

from headrace.engine.context import Function
from headrace.engine.function import SOURCE_ATTRIBUTE

_INDENT = "    "


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
class Change:
    """A part of the body and what stands in its place."""

    start: int
    end: int
    text: str
    says: str
    above: str = ""


@dataclass(slots=True)
class CellText:
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
        """Return where a part of the tree begins, in bytes."""
        return self.starts[node.lineno - 1] + node.col_offset

    def end(self, node: ast.expr) -> int:
        """Return where it ends."""
        return self.starts[(node.end_lineno or node.lineno) - 1] + (node.end_col_offset or 0)

    def text(self, node: ast.expr) -> str:
        """Return its text."""
        return self.data[self.start(node) : self.end(node)].decode()

    def name(self, wanted: str) -> str:
        """Return a name that nobody has yet."""
        name, number = wanted, 2
        while name in self.taken:
            name, number = f"{wanted}_{number}", number + 1
        self.taken.add(name)
        return name

    def changed(self, changes: list[Change]) -> Rewrite:
        """Return the text with the changes in it, constants above it."""
        data = self.data
        for change in sorted(changes, key=lambda change: -change.start):
            data = data[: change.start] + change.text.encode() + data[change.end :]
        above = "".join(f"{change.above}\n" for change in changes if change.above)
        return Rewrite(above + data.decode(), "; ".join(dict.fromkeys(change.says for change in changes)))


def source_of(function: Function) -> str | None:
    """Return a cell's body as text, ``None`` where it cannot be known or returns in several places."""
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

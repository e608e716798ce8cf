"""A notebook's code cells as one list of top-level statements, each with what it reads, binds and changes."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field

from headrace.repo.function_text import after, before
from headrace.repo.ipython_lines import PlainCell, plain_cell
from headrace.repo.mutations import Effects, Function, aliases, effects_of, mutated
from headrace.repo.names import Names, names_of
from headrace.repo.notebook import Cell, stream_of

_SIMPLE = (ast.Assign, ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclass(frozen=True, slots=True, eq=False)
class Statement:
    """A top-level statement of a code cell.

    Attributes:
        node: its syntax tree, with the cell's line numbers.
        cell: the cell it stands in.
        text: the cell's Python, without IPython lines.
        names: the module-level names it reads and binds.
        changed: names whose objects it changes in place, other names of the same objects included.
    """

    node: ast.stmt
    cell: Cell
    text: str
    names: Names
    changed: frozenset[str]

    @property
    def place(self) -> str:
        """How messages name the statement."""
        return f"{self.cell.title}, line {self.node.lineno}"

    @property
    def first_line(self) -> int:
        """The 1-based line on which its text begins: decorators and the comments right above included."""
        lines = self.text.split("\n")
        decorators: list[ast.expr] = getattr(self.node, "decorator_list", [])
        start = min([self.node.lineno, *(item.lineno for item in decorators)]) - 1
        while start > 0 and not self._shares_its_line and lines[start - 1].startswith("#"):
            start -= 1
        return start + 1

    @property
    def source(self) -> str:
        """Its text as it stands in the cell, with its comments."""
        lines = self.text.split("\n")
        end = self.node.end_lineno or self.node.lineno
        text = lines[self.first_line - 1 : end]
        column = self.node.end_col_offset or 0
        if not after(text[-1], column).lstrip().startswith("#"):
            text[-1] = before(text[-1], column)
        if self._shares_its_line:
            text[0] = after(text[0], self.node.col_offset)
        return "\n".join(text)

    @property
    def _shares_its_line(self) -> bool:
        return self.node.col_offset > 0

    @property
    def is_import(self) -> bool:
        """Whether it is a plain import."""
        return isinstance(self.node, ast.Import | ast.ImportFrom)

    @property
    def is_certain(self) -> bool:
        """Whether what it binds is bound for certain, so that nothing earlier shows through."""
        if isinstance(self.node, ast.AnnAssign):
            return self.node.value is not None
        if isinstance(self.node, ast.Import):  # `import xml.dom` and `import xml.sax` complete each other
            return all(alias.asname or "." not in alias.name for alias in self.node.names)
        return isinstance(self.node, _SIMPLE)


@dataclass(slots=True)
class Page:
    """The code of a notebook apart from its streams.

    Attributes:
        statements: in the order of the page.
        shell_names: names that IPython lines assign, with the place.
        stream_names: names assigned in other streams' bodies, with the stream's name.
        unreadable: cells that are not Python, with the reason.
    """

    statements: list[Statement] = field(default_factory=list)
    shell_names: dict[str, str] = field(default_factory=dict)
    stream_names: dict[str, str] = field(default_factory=dict)
    unreadable: list[tuple[Cell, str]] = field(default_factory=list)


def read_page(cells: Iterable[Cell]) -> Page:
    """Return the statements of all code cells that are not streams, each analysed within the whole page."""
    page = Page()
    plain: list[tuple[Cell, PlainCell, ast.Module]] = []
    for cell in cells:
        stream = stream_of(cell)
        if stream is not None:
            page.stream_names.update(dict.fromkeys(_assigned(stream.body), stream.name))
            continue
        read = plain_cell(cell.source)
        page.shell_names.update({name: f"{cell.title}, line {line}" for name, line in read.shell_names.items()})
        if read.tree is None:
            page.unreadable.append((cell, read.problem))
        else:
            plain.append((cell, read, read.tree))
    nodes = [node for _, _, tree in plain for node in tree.body]
    imported = frozenset(
        (alias.asname or alias.name).partition(".")[0]
        for node in nodes
        for part in ast.walk(node)
        if isinstance(part, ast.Import | ast.ImportFrom)
        for alias in part.names
    )
    effects = effects_of({node.name: node for node in nodes if isinstance(node, Function)}, imported)
    same = _same_objects(nodes, imported)
    for cell, read, tree in plain:
        for node in tree.body:
            changed = _changed(node, imported, effects, same)
            page.statements.append(Statement(node, cell, read.source, names_of(node), changed))
    return page


def _changed(
    node: ast.stmt, imported: frozenset[str], effects: dict[str, Effects], same: dict[str, set[str]]
) -> frozenset[str]:
    direct = mutated(node, imported, effects)
    return frozenset(direct.union(*(same.get(name, set()) for name in direct)))


def _same_objects(nodes: list[ast.stmt], imported: frozenset[str]) -> dict[str, set[str]]:
    """Return for each name the group of names that can mean its object somewhere on the page."""
    groups: dict[str, set[str]] = {}
    for node in nodes:
        for first, second in aliases(node):
            if second in imported:
                continue
            group = groups.setdefault(first, {first}) | groups.setdefault(second, {second})
            groups.update(dict.fromkeys(group, group))
    return groups


def _assigned(body: str) -> set[str]:
    try:
        tree = ast.parse(body)
    except (SyntaxError, ValueError):
        return set()
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}

"""Cut a stream out of its notebook: the cell's body and exactly the statements that it depends on."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path

from headrace.engine.function import function_tree
from headrace.errors import UsageError
from headrace.repo.module_text import module_text
from headrace.repo.names import Names, marked_names, names_of
from headrace.repo.notebook import NotebookStream, find_stream, read_cells
from headrace.repo.refusals import refuse_stars, refuse_statements, refuse_unknown
from headrace.repo.statements import Statement, read_page
from headrace.spec import StreamSpec


@dataclass(frozen=True, slots=True)
class Slice:
    """A stream cut out of its notebook.

    Attributes:
        stream: the cell.
        spec: what its magic line declares.
        module_source: the text of ``transform.py``.
        statements: what it depends on, in the order of the page.
    """

    stream: NotebookStream
    spec: StreamSpec
    module_source: str
    statements: tuple[Statement, ...]


def slice_stream(path: Path, name: str) -> Slice:
    """Return the stream ``name`` of a notebook as a module of its own.

    The notebook is read, not run. What is taken along: imports, constants, functions, classes and assignments in
    the cells above, followed through all of them, with every statement that changes them in place.

    Raises:
        MissingStreamError: the notebook has no such stream.
        UsageError: the magic line or the notebook cannot be read.
        CellError: the body is not Python.
        UnknownNameError: a name is used that no cell above defines.
        RefusedError: something that would not do in a service what it does in the notebook.
    """
    stream = find_stream(path, name)
    if stream.spec is None:
        message = f"`{name}` has no readable %%stream line."
        raise UsageError(message)
    spec = stream.spec
    body = body_names(stream.body, spec.argument_names)
    cells = read_cells(path)
    page = read_page(cell for cell in cells if cell.index < stream.cell_index)
    refuse_stars(page)
    kept = _depended_on(page.statements, body.read)
    known = {bound for statement in kept for bound in statement.names.bound}
    below = read_page(cell for cell in cells if cell.index > stream.cell_index)
    refuse_unknown(stream, body, kept, known, page, below)
    refuse_statements(stream, body, kept, path.parent)
    kept = _with_future(page.statements, kept)
    return Slice(stream, spec, module_text(stream.body, spec, kept, body.read), tuple(kept))


def body_names(body: str, arguments: tuple[str, ...]) -> Names:
    """Return the module-level names that a cell's body reads; they are read when the function is called.

    Raises:
        CellError: the body is not Python.
    """
    names = names_of(function_tree(body, arguments=arguments).body[0])
    return Names(late=names.read, rebound=names.rebound)


def _depended_on(statements: list[Statement], wanted: set[str]) -> list[Statement]:
    """Return the statements that the wanted names depend on.

    Read backwards: a statement that binds or changes a name in demand is kept, and what it reads is in demand from
    there on. A name that a kept function reads when it is called (``lasting``) is in demand all along, since the
    function may be called anywhere.
    """
    lasting: set[str] = set()
    while True:
        demand = wanted | lasting
        kept: list[Statement] = []
        found: set[str] = set()
        for statement in reversed(statements):
            names = statement.names
            if not (names.bound & demand or statement.changed & demand):
                continue
            kept.append(statement)
            found |= names.late - names.bound
            if statement.is_certain:
                demand -= names.bound - lasting
            demand |= names.at_once
        found |= _named_in_queries(kept, statements)
        if found <= lasting:
            return _without_overwritten(kept[::-1])
        lasting |= found


def _named_in_queries(kept: list[Statement], statements: list[Statement]) -> set[str]:
    """Names in query texts that are themselves constants: ``LATE = "arr_delay > @LIMIT"``."""
    marked = {name for statement in kept for name in marked_names(statement.node)}
    return marked & {bound for statement in statements for bound in statement.names.bound}


def _without_overwritten(kept: list[Statement]) -> list[Statement]:
    """Drop a binding that a later one replaces before anything could have read it."""
    left = list(kept)
    for statement in kept:
        if not statement.is_certain or len(statement.names.bound) != 1 or statement.changed:
            continue
        name = next(iter(statement.names.bound))
        for later in left[left.index(statement) + 1 :]:
            if name in later.names.at_once or name in later.changed:
                break
            if later.is_certain and name in later.names.bound:
                left.remove(statement)
                break
            if not _is_inert(later):
                break
    return left


def _with_future(statements: list[Statement], kept: list[Statement]) -> list[Statement]:
    """Add ``from __future__ import ...``: it holds for all cells after it."""
    return [
        statement
        for statement in statements
        if statement in kept or (isinstance(statement.node, ast.ImportFrom) and statement.node.module == "__future__")
    ]


def _is_inert(statement: Statement) -> bool:
    """Whether running the statement calls no function of the notebook."""
    if statement.is_import:
        return True
    if isinstance(statement.node, ast.FunctionDef):
        return not statement.node.decorator_list and not statement.node.args.defaults
    return not any(isinstance(part, ast.Call | ast.Attribute | ast.Subscript) for part in ast.walk(statement.node))

"""What slicing refuses, each by name, with the place and what to do."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Sequence
from pathlib import Path

from headrace.engine.function import FRAME_NAME, FUNCTION_NAME
from headrace.errors import RefusedError, UnknownNameError
from headrace.repo.names import BUILTIN_NAMES, Names
from headrace.repo.notebook import NotebookStream
from headrace.repo.statements import Page, Statement

_NOTEBOOK_NAMES = frozenset({"get_ipython", "display", "In", "Out", "_", "__", "___", "exit", "quit"})
_HIDDEN_NAMES = frozenset({"globals", "exec", "eval", "__import__"})
_READS_FILES = frozenset({"open", "read_text", "read_bytes", "load", "loadtxt", "genfromtxt", "fromfile", "urlopen"})


def refuse_unknown(
    stream: NotebookStream, body: Names, kept: Sequence[Statement], known: set[str], page: Page, below: Page
) -> None:
    """Refuse a name that the stream needs and that nothing kept binds.

    Args:
        stream: the cell.
        body: the names that its body reads.
        kept: the statements it depends on.
        known: the names that those bind.
        page: the cells above the stream.
        below: the cells below it.

    Raises:
        UnknownNameError: the message names it and says where it is used.
    """
    resolved = known | (BUILTIN_NAMES - _NOTEBOOK_NAMES)
    for name in sorted(body.read - resolved):
        line = _line_of(name, stream)
        where = f"`{stream.name}` (cell {stream.cell_index + 1}{f', line {line}' if line else ''})"
        _refuse(name, where, stream, page, below)
    for statement in kept:
        for name in sorted(statement.names.read - resolved):
            bound = ", ".join(f"`{item}`" for item in sorted(statement.names.bound)) or "a statement"
            where = f"{bound} ({statement.place}), which `{stream.name}` needs,"
            _refuse(name, where, stream, page, below)


def refuse_stars(page: Page) -> None:
    """Refuse a star import above the stream: any name could be its, even a builtin's.

    Raises:
        RefusedError: the message says where it stands.
    """
    for statement in page.statements:
        node = statement.node
        if any(isinstance(part, ast.ImportFrom) and part.names[0].name == "*" for part in ast.walk(node)):
            message = f"{_capital(statement.place)} has `{ast.unparse(node)}`: no reader can tell what it defines."
            raise RefusedError(message, hint="Import the names by name: `from MODULE import one, other`.")


def refuse_statements(stream: NotebookStream, body: Names, kept: Sequence[Statement], beside: Path) -> None:
    """Refuse what a module cannot do as the notebook does it.

    Args:
        stream: the cell.
        body: the names that its body reads.
        kept: the statements it depends on.
        beside: the notebook's folder.

    Raises:
        RefusedError: the message says what stands where.
    """
    _refuse_hidden(body.read, f"`{stream.name}` (cell {stream.cell_index + 1})")
    bound = {name for statement in kept for name in statement.names.bound}
    if FUNCTION_NAME in bound or FUNCTION_NAME in body.read:
        message = f"`{stream.name}` needs `{FUNCTION_NAME}`, the name that the stream's own function has in its module."
        raise RefusedError(message, hint="Give the notebook's own another name.")
    for statement in kept:
        _refuse_hidden(statement.names.read, f"`{_first_line(statement)}` ({statement.place})")
        _refuse_statement(statement, stream, beside)


def _refuse_statement(statement: Statement, stream: NotebookStream, beside: Path) -> None:
    node = statement.node
    what = f"`{_first_line(statement)}` ({statement.place}), which `{stream.name}` needs,"
    if isinstance(node, ast.Delete):
        message = f"{what} deletes what the stream needs."
        raise RefusedError(message, hint="Take the line out of the notebook.")
    if isinstance(node, ast.If) and "__name__" in statement.names.at_once:
        message = f"{what} asks for `__name__`, which in a service is another than in a notebook."
        raise RefusedError(message, hint="Take what the stream needs out of the `if`.")
    for part in _outside_functions(node):
        if isinstance(part, ast.Await | ast.AsyncFor | ast.AsyncWith):
            message = f"{what} awaits, which a module cannot do."
            raise RefusedError(message, hint="Compute it without `await`, or write it down as a constant.")
        if isinstance(part, ast.Call) and _reads_a_file(part):
            message = f"{what} reads a file, which a service would not find."
            raise RefusedError(message, hint="Write its content down as a constant in a cell.")
    _refuse_neighbour(node, what, beside)


def _refuse_neighbour(node: ast.stmt, what: str, beside: Path) -> None:
    for part in ast.walk(node):
        if isinstance(part, ast.Import):
            modules = [alias.name for alias in part.names]
        elif isinstance(part, ast.ImportFrom):
            modules = ["." * part.level + (part.module or "")]
        else:
            continue
        for module in modules:
            top = module.partition(".")[0]
            if not top or (beside / f"{top}.py").is_file() or (beside / top).is_dir():
                message = f"{what} imports `{module}`, a file beside the notebook; the stream's folder has no copy."
                raise RefusedError(message, hint="Move what the stream needs into a cell, or install it as a package.")


def _refuse(name: str, where: str, stream: NotebookStream, page: Page, below: Page) -> None:
    later_in = [item for item in page.statements if name in item.names.bound]
    below_in = [item for item in below.statements if name in item.names.bound]
    if name in _NOTEBOOK_NAMES:
        message = f"{where} uses `{name}`, which exists in notebooks only."
        hint = "Take it out; a service has no screen."
    elif name in page.shell_names:
        message = f"{where} uses `{name}`, which an IPython line computes ({page.shell_names[name]})."
        hint = "Compute it in plain Python, or write it down as a constant."
    elif later_in:
        message = f"{where} uses `{name}`, which is defined only later ({later_in[0].place})."
        hint = "Move the definition above its first use."
    elif below_in:
        message = f"{where} uses `{name}`, which only a cell below defines ({below_in[-1].place})."
        hint = f"Move that cell above cell {stream.cell_index + 1}."
    elif name in page.stream_names:
        message = f"{where} uses `{name}`, which exists only inside the stream `{page.stream_names[name]}`."
        hint = "Define it in a cell of its own."
    elif name == FRAME_NAME:
        message = f"{where} uses `{name}`, which exists only inside the stream's own cell."
        hint = "Give it to the function as an argument."
    else:
        message = f"{where} uses `{name}`, which no cell defines."
        hint = f"Define it in a cell above, or declare it with --param {name}=VALUE."
        near = difflib.get_close_matches(name, {bound for item in page.statements for bound in item.names.bound}, n=1)
        if near:
            hint = f"Did you mean `{near[0]}`? Else define it in a cell above."
        if page.unreadable:
            cell, reason = page.unreadable[0]
            hint += f" ({_capital(cell.title)} was not read: {reason}.)"
    raise UnknownNameError(message.replace(",,", ","), hint=hint)


def _refuse_hidden(names: set[str], where: str) -> None:
    found = sorted(names & _HIDDEN_NAMES)
    if found:
        message = f"{where} uses `{found[0]}`, so no reader can tell which names it needs."
        raise RefusedError(message, hint="Write the names out.")


def _reads_a_file(call: ast.Call) -> bool:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if not (name in _READS_FILES or name.startswith("read_")):
        return False
    return name != "load" or bool(call.args)


def _outside_functions(node: ast.AST) -> list[ast.AST]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        return []
    return [node, *(part for child in ast.iter_child_nodes(node) for part in _outside_functions(child))]


def _line_of(name: str, stream: NotebookStream) -> int | None:
    for node in ast.walk(ast.parse(stream.body)):
        if isinstance(node, ast.Name) and node.id == name:
            return node.lineno + stream.first_line - 1
    return None


def _first_line(statement: Statement) -> str:
    return statement.text.splitlines()[statement.node.lineno - 1].strip()


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]

"""Write ``transform.py``: imports, what the notebook's cells define, then the cell's body as a function."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from headrace.engine.function import FRAME_NAME, FUNCTION_NAME
from headrace.repo.function_text import function_lines
from headrace.repo.import_text import bound_names, import_lines
from headrace.repo.statements import Statement
from headrace.spec import StreamSpec

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def module_text(body: str, spec: StreamSpec, statements: Sequence[Statement], read: set[str]) -> str:
    """Return the text of ``transform.py``; comments and formatting of all that is kept stay.

    Args:
        body: the cell without its magic line.
        spec: for the name, the topics and the parameters.
        statements: what the body depends on, in order.
        read: the module-level names that the body reads.
    """
    elsewhere = {name for item in statements if not item.is_import for name in item.names.bound}
    imports = [item for item in statements if item.is_import and not bound_names(item.node) & elsewhere]
    others = [item for item in statements if item not in imports]
    needed = read.union(*(item.names.read for item in others))
    taken = {name for item in others for name in item.names.bound} | set(spec.argument_names)
    lines, frame = import_lines(imports, needed, taken)
    sink = f" -> {spec.sink}" if spec.sink else ""
    parts = [f'"""{spec.name}: {spec.source}{sink}."""', *([lines] if lines else [])]
    if others:
        blank = "\n" if isinstance(others[0].node, _DEFINITIONS) else ""
        parts.append(blank + _block(others))
    return "\n\n".join(parts) + "\n\n\n" + _function(body, spec, frame)


def _function(body: str, spec: StreamSpec, frame: str) -> str:
    arguments = [f"{FRAME_NAME}: {frame}" if frame else FRAME_NAME]
    beside = [name for name in spec.argument_names if name not in spec.params]
    if spec.argument_names:
        arguments.append("*")
        arguments += [f"{name}: {frame}" if frame else name for name in beside]
        arguments += [f"{name}: {type(value).__name__} = {value!r}" for name, value in spec.params.items()]
    states = [state.name for state in spec.declared_states]
    returned = f" -> {frame}" if frame and not states else ""
    signature = f"def {FUNCTION_NAME}({', '.join(arguments)}){returned}:"
    return "\n".join([signature, *function_lines(body, states)]) + "\n"


def _block(statements: Sequence[Statement]) -> str:
    lines: list[str] = []
    for place, statement in enumerate(statements):
        if place:
            lines += [""] * _blank_lines(statements[place - 1], statement)
        lines.append(statement.source)
    return "\n".join(lines)


def _blank_lines(previous: Statement, statement: Statement) -> int:
    """Blank lines between two statements, as a formatter sets them; within a cell as the cell had them."""
    if isinstance(previous.node, _DEFINITIONS) or isinstance(statement.node, _DEFINITIONS):
        return 2
    if previous.cell is not statement.cell:
        return int("\n" in previous.source or "\n" in statement.source)
    between = previous.text.split("\n")[previous.node.end_lineno or 0 : statement.first_line - 1]
    return int(any(not line.strip() for line in between))

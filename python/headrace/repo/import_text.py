"""Write the imports of ``transform.py``: only the names needed, in the usual order, pandas for the signature."""

from __future__ import annotations

import ast
import sys
from collections.abc import Collection, Sequence

from headrace.repo.statements import Statement

_PANDAS = ("pd", "pandas")
Import = ast.Import | ast.ImportFrom


def import_lines(statements: Sequence[Statement], needed: Collection[str], taken: Collection[str]) -> tuple[str, str]:
    """Return the import block and the annotation of a frame (``pd.DataFrame``, or ``""`` when pandas has no name).

    Args:
        statements: the import statements that are kept.
        needed: the names that the rest of the module reads.
        taken: names that something else of the module binds.
    """
    found: dict[str, tuple[tuple[int, int, str], str]] = {}
    frame = ""
    for statement in statements:
        node = statement.node
        assert isinstance(node, Import)  # noqa: S101  the caller chose them
        reduced = _reduced(node, needed)
        if reduced is None:
            continue
        whole = len(reduced.names) == len(node.names)
        text = statement.source if whole else ast.unparse(reduced)
        found.setdefault(ast.unparse(reduced), (_order(reduced), text))
        frame = frame or _frame(reduced, taken)
    if not frame:
        bound = {name for statement in statements for name in statement.names.bound & set(needed)} | set(taken)
        free = [name for name in _PANDAS if name not in bound]
        if free:
            node = ast.Import([ast.alias("pandas", free[0] if free[0] != "pandas" else None)])
            frame = f"{free[0]}.DataFrame"
            found[ast.unparse(node)] = (_order(node), ast.unparse(node))
    return _grouped(list(found.values())), frame


def bound_names(node: ast.AST) -> set[str]:
    """Return the names that an import statement binds."""
    if not isinstance(node, Import):
        return set()
    return {(alias.asname or alias.name).partition(".")[0] for alias in node.names}


def _reduced(node: Import, needed: Collection[str]) -> Import | None:
    future = isinstance(node, ast.ImportFrom) and node.module == "__future__"
    names = [alias for alias in node.names if future or (alias.asname or alias.name).partition(".")[0] in needed]
    if not names:
        return None
    if isinstance(node, ast.Import):
        return ast.Import(names)
    return ast.ImportFrom(node.module, names, node.level)


def _frame(node: Import, taken: Collection[str]) -> str:
    for alias in node.names:
        name = alias.asname or alias.name
        if isinstance(node, ast.Import) and alias.name == "pandas" and name not in taken:
            return f"{name}.DataFrame"
    return ""


def _order(node: Import) -> tuple[int, int, str]:
    module = (node.module or "") if isinstance(node, ast.ImportFrom) else node.names[0].name
    top = module.partition(".")[0]
    group = 0 if top == "__future__" else 1 if top in sys.stdlib_module_names else 2
    return group, int(isinstance(node, ast.ImportFrom)), module.lower()


def _grouped(found: list[tuple[tuple[int, int, str], str]]) -> str:
    groups: dict[int, list[str]] = {}
    for order, text in sorted(found, key=lambda item: item[0]):
        groups.setdefault(order[0], []).append(text)
    return "\n\n".join("\n".join(lines) for lines in groups.values())

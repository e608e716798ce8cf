"""Which module-level names a piece of Python reads, late or at once, and binds; by the compiler's own symbol table."""

from __future__ import annotations

import ast
import builtins
import re
import symtable
from dataclasses import dataclass, field

MODULE_NAMES = frozenset({"__name__", "__doc__", "__file__", "__builtins__", "__spec__", "__loader__", "__package__"})
BUILTIN_NAMES = frozenset(dir(builtins)) | MODULE_NAMES
_COMPREHENSIONS = frozenset({"listcomp", "setcomp", "dictcomp", "genexpr"})
_QUERY_NAME = re.compile(r"@([A-Za-z_]\w*)")
_QUERY_METHODS = frozenset({"query", "eval"})


@dataclass(slots=True)
class Names:
    """Module-level names of one statement (or of a function's body).

    Attributes:
        at_once: names read when the statement runs.
        late: names read when a function that it defines is called.
        bound: names it binds at the module's level.
        rebound: names that a function it defines binds through ``global``.
    """

    at_once: set[str] = field(default_factory=set)
    late: set[str] = field(default_factory=set)
    bound: set[str] = field(default_factory=set)
    rebound: set[str] = field(default_factory=set)

    @property
    def read(self) -> set[str]:
        """All names that it reads at any time."""
        return self.at_once | self.late


def names_of(node: ast.stmt) -> Names:
    """Return the module-level names of a top-level statement; builtins are among those read."""
    names = Names()
    table = symtable.symtable(ast.unparse(node), "<cell>", "exec")
    for symbol in table.get_symbols():
        if symbol.is_referenced():
            names.at_once.add(symbol.get_name())
        if symbol.is_assigned() or symbol.is_imported() or symbol.is_namespace():
            names.bound.add(symbol.get_name())
    for child in table.get_children():
        _visit(child, names, late=False)
    for part in ast.walk(node):
        if isinstance(part, ast.AugAssign) and isinstance(part.target, ast.Name) and part.target.id in names.bound:
            names.at_once.add(part.target.id)
    inner = local_names(table)
    names.late |= query_names(node) - inner
    return names


def local_names(table: symtable.SymbolTable) -> set[str]:
    """Return the names that are local to some function inside ``table``."""
    found: set[str] = set()
    for child in table.get_children():
        if child.get_type() == "function":
            found |= {symbol.get_name() for symbol in child.get_symbols() if symbol.is_local()}
        found |= local_names(child)
    return found


def query_names(node: ast.AST) -> set[str]:
    """Return the names that ``frame.query("x > @NAME")`` and ``eval`` read out of their text."""
    return {
        name
        for call in ast.walk(node)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in _QUERY_METHODS
        for argument in (*call.args, *(keyword.value for keyword in call.keywords))
        for name in marked_names(argument)
    }


def marked_names(node: ast.AST) -> set[str]:
    """Return the names that stand as ``@NAME`` in the text constants under ``node``."""
    return {
        name
        for part in ast.walk(node)
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
        for name in _QUERY_NAME.findall(part.value)
    }


def _visit(table: symtable.SymbolTable, names: Names, *, late: bool) -> None:
    is_function = table.get_type() != "class" and table.get_name().strip("<>") not in _COMPREHENSIONS
    late = late or is_function
    for symbol in table.get_symbols():
        if not symbol.is_global():
            continue
        if symbol.is_referenced():
            (names.late if late else names.at_once).add(symbol.get_name())
        if symbol.is_assigned():
            names.rebound.add(symbol.get_name())
            names.late.add(symbol.get_name())
    for child in table.get_children():
        _visit(child, names, late=late)

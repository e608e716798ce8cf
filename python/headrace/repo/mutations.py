"""Which names' objects a statement changes in place: ``RATES["x"] = 1``, ``ROWS.append(...)``, ``fill(TABLE)``."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

_MUTATORS = frozenset(
    [
        "add",
        "append",
        "appendleft",
        "clear",
        "difference_update",
        "discard",
        "extend",
        "extendleft",
        "fill",
        "insert",
        "intersection_update",
        "move_to_end",
        "partial_fit",
        "pop",
        "popitem",
        "popleft",
        "put",
        "remove",
        "reverse",
        "rotate",
        "setdefault",
        "setflags",
        "symmetric_difference_update",
        "update",
    ]
)
"""Methods that change their object, wherever in a statement they are called."""

_CHANGES_FIRST_ARGUMENT = frozenset(
    [
        "shuffle",
        "heapify",
        "heappush",
        "heappop",
        "heapreplace",
        "heappushpop",
        "insort",
        "insort_left",
        "insort_right",
        "setattr",
        "delattr",
        "setitem",
        "delitem",
        "fill_diagonal",
        "copyto",
        "place",
        "put",
        "put_along_axis",
    ]
)
"""Functions of the standard library and numpy that change their first argument."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Effects:
    """What calling a function of the notebook changes.

    Attributes:
        arguments: whether it changes an argument in place.
        names: the module-level names that it rebinds or whose objects it changes.
    """

    arguments: bool
    names: frozenset[str]


def mutated(node: ast.AST, imported: frozenset[str], effects: Mapping[str, Effects]) -> set[str]:
    """Return the names whose objects running ``node`` changes in place, as far as that can be seen.

    Args:
        node: a statement.
        imported: names that imports bind; a call on one is taken for a setting (``np.random.seed(0)``).
        effects: what the notebook's own functions change.
    """
    found: set[str] = set()
    for part in _running(node):
        if isinstance(part, ast.Attribute | ast.Subscript) and isinstance(part.ctx, ast.Store | ast.Del):
            if not _is_of_the_screen(part):
                found |= _root(part)
        elif isinstance(part, ast.AugAssign):
            found |= _root(part.target)
        elif isinstance(part, ast.Call):
            found |= _by_call(part, effects)
        elif isinstance(part, ast.Expr) and isinstance(part.value, ast.Call):
            found |= _by_statement(part.value, imported)
    for decorator in getattr(node, "decorator_list", []):
        called = decorator.func if isinstance(decorator, ast.Call) else decorator
        if isinstance(called, ast.Name) and called.id in effects:
            found |= effects[called.id].names
    return found


def effects_of(functions: Mapping[str, Function], imported: frozenset[str]) -> dict[str, Effects]:
    """Return what calling each of the notebook's functions changes, calls among them followed.

    Args:
        functions: the functions' definitions by name.
        imported: names that imports bind.
    """
    found = {name: Effects(arguments=False, names=frozenset()) for name in functions}
    while True:
        new = {name: _effects(function, imported, found) for name, function in functions.items()}
        if new == found:
            return found
        found = new


def aliases(node: ast.stmt) -> Iterator[tuple[str, str]]:
    """Yield pairs of names that can mean one object after the statement: ``a = b``, ``for row in rows``."""
    for part in _running(node):
        if isinstance(part, ast.Assign):
            pairs = [(target, part.value) for target in part.targets]
        elif isinstance(part, ast.AnnAssign | ast.NamedExpr) and part.value is not None:
            pairs = [(part.target, part.value)]
        elif isinstance(part, ast.For):
            pairs = [(part.target, part.iter)]
        else:
            continue
        for target, value in pairs:
            for name in ast.walk(target):
                if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store):
                    yield from ((name.id, root) for root in _root(value))


def _effects(function: Function, imported: frozenset[str], effects: Mapping[str, Effects]) -> Effects:
    spec = function.args
    every = [*spec.posonlyargs, *spec.args, *spec.kwonlyargs, spec.vararg, spec.kwarg]
    arguments = {argument.arg for argument in every if argument}
    declared = {name for part in ast.walk(function) if isinstance(part, ast.Global) for name in part.names}
    stored = {
        part.id for part in ast.walk(function) if isinstance(part, ast.Name) and not isinstance(part.ctx, ast.Load)
    }
    changed: set[str] = set()
    for statement in function.body:
        changed |= mutated(statement, imported, effects)
    names = (changed - arguments - (stored - declared)) | (declared & stored)
    return Effects(bool(changed & arguments), frozenset(names))


def _by_call(call: ast.Call, effects: Mapping[str, Effects]) -> set[str]:
    found: set[str] = set()
    arguments = [*call.args, *(keyword.value for keyword in call.keywords)]
    if isinstance(call.func, ast.Attribute):
        in_place = any(word.arg == "inplace" and not _is_false(word.value) for word in call.keywords)
        if call.func.attr in _MUTATORS or in_place:
            found |= _root(call.func.value)
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if name in _CHANGES_FIRST_ARGUMENT and call.args:
        found |= _root(call.args[0])
    if isinstance(call.func, ast.Name) and name in effects:
        found |= effects[name].names
        if effects[name].arguments:
            found |= {root for argument in arguments for root in _root(argument)}
    return found


def _by_statement(call: ast.Call, imported: frozenset[str]) -> set[str]:
    """A method called for its own sake: a change of the object, unless it is one that only shows something."""
    if not isinstance(call.func, ast.Attribute) or call.func.attr in _showing() or _is_of_the_screen(call):
        return set()
    roots = _root(call.func.value)
    if not roots and isinstance(call.func.value, ast.Call):
        return _by_statement(call.func.value, imported) - imported
    return roots


def _running(node: ast.AST) -> Iterator[ast.AST]:
    """Walk what runs when the statement runs: not the bodies of the functions that it defines."""
    yield node
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        children: list[ast.AST] = [*node.decorator_list, *node.args.defaults, *filter(None, node.args.kw_defaults)]
    elif isinstance(node, ast.Lambda):
        children = [*node.args.defaults, *filter(None, node.args.kw_defaults)]
    else:
        children = list(ast.iter_child_nodes(node))
    for child in children:
        yield from _running(child)


def _root(node: ast.AST) -> set[str]:
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Starred):
        node = node.value
    return {node.id} if isinstance(node, ast.Name) else set()


def _is_false(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is False


def _is_of_the_screen(node: ast.AST) -> bool:
    """Whether it sets how pandas shows frames: ``pd.options.display.x = 1``, ``pd.set_option("display.x", 1)``."""
    if isinstance(node, ast.Call):
        first = node.args[0] if node.args else None
        return isinstance(first, ast.Constant) and str(first.value).startswith(("display.", "plotting."))
    while isinstance(node, ast.Attribute):
        if node.attr in {"display", "plotting"}:
            return True
        node = node.value
    return False


@cache
def _showing() -> frozenset[str]:
    """Methods that show or compute and change nothing: all of pandas' but the ones that change in place."""
    import pandas as pd  # noqa: PLC0415  heavy, and only notebooks with such statements need it

    methods = {*dir(pd.DataFrame), *dir(pd.Series), "show", "items", "keys", "values", "print", "display", "savefig"}
    return frozenset(methods - _MUTATORS)

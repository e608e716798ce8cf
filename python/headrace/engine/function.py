"""From a cell's body, or a stream folder's module, to the stream's function."""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Iterable, MutableMapping
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from headrace.engine.context import Function
from headrace.errors import CellError, MissingStreamError

FUNCTION_NAME = "transform"
FRAME_NAME = "df"
MODULE_NAME = "transform.py"
SOURCE_ATTRIBUTE = "__headrace_source__"
"""Where a function that was made of a cell's body keeps that body as text."""


def function_tree(
    source: str,
    *,
    arguments: Iterable[str] = (),
    states: Iterable[str] = (),
    filename: str = "<cell>",
    first_line: int = 1,
) -> ast.Module:
    """Return ``def transform(df, *, ARGUMENTS)`` around a cell's body, its line numbers kept.

    The last expression becomes the return value; a body that ends otherwise returns ``df``. With ``states`` it returns
    a tuple: the output and then what the body left in each of them.

    Raises:
        CellError: the body is not Python, or returns, yields or awaits by itself at its top level.
    """
    try:
        body = ast.parse(source, filename=filename).body
    except SyntaxError as error:
        message = f"Line {(error.lineno or 1) + first_line - 1} of the cell is not Python: {error.msg}."
        raise CellError(
            message, hint="Mend the line; in a stream cell every line after the first is plain Python."
        ) from None
    _refuse_function_words(body, first_line)
    last = body[-1] if body else None
    if isinstance(last, ast.Expr):
        result: ast.stmt = ast.copy_location(ast.Return(last.value), last)
        body = [*body[:-1], result]
    else:
        body = [*body, ast.Return(ast.Name(FRAME_NAME, ast.Load()))]
        if last is not None:
            for node in ast.walk(body[-1]):
                ast.copy_location(node, last)
    kept = [ast.Name(name, ast.Load()) for name in states]
    if kept:
        returned = body[-1]
        value = returned.value if isinstance(returned, ast.Return) else None
        together = ast.Tuple([value or ast.Name(FRAME_NAME, ast.Load()), *kept], ast.Load())
        body[-1] = ast.copy_location(ast.Return(ast.copy_location(together, returned)), returned)
    names = ast.arguments(
        posonlyargs=[],
        args=[ast.arg(FRAME_NAME)],
        vararg=None,
        kwonlyargs=[ast.arg(name) for name in arguments],
        kw_defaults=[None for _ in arguments],
        kwarg=None,
        defaults=[],
    )
    definition = ast.FunctionDef(
        name=FUNCTION_NAME, args=names, body=body, decorator_list=[], returns=None, type_comment=None
    )
    return ast.fix_missing_locations(ast.Module([definition], []))


def compile_body(
    source: str,
    *,
    filename: str,
    namespace: MutableMapping[str, Any],
    arguments: Iterable[str] = (),
    states: Iterable[str] = (),
    first_line: int = 1,
) -> Function:
    """Return a cell's body as a function whose globals are ``namespace``; it defines nothing there.

    Args:
        source: the cell without its magic line.
        filename: what tracebacks name.
        namespace: the globals, for a notebook the user's own.
        arguments: names that the function takes beside ``df``.
        states: those of them that it hands back after its output.
        first_line: the line of the cell on which ``source`` starts, so that tracebacks name the cell's own lines.

    Raises:
        CellError: the body is not Python or uses `return`, `yield` or `await` at its top level.
    """
    tree = function_tree(
        source, arguments=tuple(arguments), states=tuple(states), filename=filename, first_line=first_line
    )
    ast.increment_lineno(tree, first_line - 1)
    module = compile(tree, filename, "exec")
    code = next(constant for constant in module.co_consts if hasattr(constant, "co_name"))
    function = FunctionType(code, namespace, FUNCTION_NAME)  # type: ignore[arg-type]  # any mapping of globals
    function.__module__ = str(namespace.get("__name__", "__main__"))
    setattr(function, SOURCE_ATTRIBUTE, source)
    return function


def load_folder(folder: Path) -> Function:
    """Return ``transform`` of a stream folder's ``transform.py``, loaded as a module of its own.

    Raises:
        MissingStreamError: there is no ``transform.py``, or it defines no ``transform``.
        Exception: whatever the module raises when it is imported.
    """
    path = folder / MODULE_NAME
    if not path.is_file():
        message = f"`{folder}` is not a stream folder: it has no {MODULE_NAME}."
        raise MissingStreamError(message, hint="Name a folder such as streams/NAME, made by `headrace commit`.")
    function = getattr(_load_module(path, f"headrace_stream_{folder.name}"), FUNCTION_NAME, None)
    if not callable(function):
        message = f"`{path}` defines no function `{FUNCTION_NAME}`."
        raise MissingStreamError(message, hint=f"Define `def {FUNCTION_NAME}({FRAME_NAME}, ...)` in it.")
    return function  # type: ignore[no-any-return]  # checked to be callable just above


def _load_module(path: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        message = f"`{path}` cannot be loaded as a Python module."
        raise MissingStreamError(message)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


class _FunctionWords(ast.NodeVisitor):
    """Find `return`, `yield` and `await` that would belong to the cell itself."""

    def __init__(self) -> None:
        self.found: tuple[str, int] | None = None

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        del node

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        del node

    def visit_Lambda(self, node: ast.Lambda) -> None:
        del node

    def generic_visit(self, node: ast.AST) -> None:
        words = {
            ast.Return: "return",
            ast.Yield: "yield",
            ast.YieldFrom: "yield",
            ast.Await: "await",
            ast.AsyncFor: "async for",
            ast.AsyncWith: "async with",
        }
        word = words.get(type(node))
        if word and self.found is None:
            self.found = (word, getattr(node, "lineno", 0))
        super().generic_visit(node)


def _refuse_function_words(body: list[ast.stmt], first_line: int) -> None:
    words = _FunctionWords()
    for statement in body:
        words.visit(statement)
    if words.found:
        word, line = words.found
        message = f"Line {line + first_line - 1} of the cell has `{word}` outside a function."
        raise CellError(message, hint="End the cell with the expression that is its output.")

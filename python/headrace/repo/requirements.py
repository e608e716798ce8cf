"""What ``requirements.txt`` pins: the installed versions of just the packages that a module imports."""

from __future__ import annotations

import ast
import sys
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions, version


def imported_packages(source: str) -> set[str]:
    """Return the top-level names of what a module imports, anywhere in it, the standard library left out."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found - sys.stdlib_module_names - {"headrace"}


def requirements_text(source: str) -> str:
    """Return ``NAME==VERSION`` lines for the distributions that a module imports, sorted.

    A package that is not installed is left out: the clean room has refused it by then.
    """
    names = {name for package in imported_packages(source) for name in _providers(package)}
    return "".join(f"{name}=={version(name)}\n" for name in sorted(names, key=str.lower))


def _providers(package: str) -> list[str]:
    """Return the distributions that a package comes from: most have its name, and reading all of them takes long."""
    try:
        files = distribution(package).files or []
    except PackageNotFoundError:
        files = []
    if any(file.parts[0].partition(".")[0] == package for file in files):
        return [package]
    return packages_distributions().get(package, [])

"""Notebook files for tests."""

from __future__ import annotations

import json
from pathlib import Path

MAGIC = "%%stream s --from a --to b\n"


def write_notebook(path: Path, *cells: str) -> Path:
    """Write a notebook of code cells, with a markdown cell first."""
    title = {"cell_type": "markdown", "id": "title", "metadata": {}, "source": ["# Title"]}
    code: list[dict[str, object]] = [
        {
            "cell_type": "code",
            "execution_count": None,
            "id": f"cell-{number}",
            "metadata": {},
            "outputs": [],
            "source": source.splitlines(keepends=True),
        }
        for number, source in enumerate(cells)
    ]
    content = {"cells": [title, *code], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(content), encoding="utf-8")
    return path

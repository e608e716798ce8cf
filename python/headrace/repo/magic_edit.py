"""Change the magic line of a stream's cell in a notebook file, and nothing else there."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

from headrace.errors import RefusedError
from headrace.repo.notebook import STREAM_MAGIC, find_stream
from headrace.spec import with_declarations


def apply_declarations(notebook: Path, stream: str, words: str) -> str:
    """Put options into the magic line of a stream's cell; outputs and all other cells stay as they are.

    Args:
        notebook: the file, written in place of the old one in one step.
        stream: the stream's name.
        words: options as a verdict suggests them, ``--key origin --lookback 6h``.

    Returns:
        The new magic line, ``%%stream`` included.

    Raises:
        HeadraceError: there is no such notebook or stream, or the options do not fit the line.
        RefusedError: the file cannot be written, or somebody wrote it meanwhile.
    """
    notebook = notebook.resolve()  # a link stays one
    before = notebook.read_bytes() if notebook.is_file() else b""
    found = find_stream(notebook, stream)
    line = f"{STREAM_MAGIC} {with_declarations(found.magic, words)}"
    document = json.loads(before)
    cell = document["cells"][found.cell_index]
    source = cell["source"] if isinstance(cell["source"], str) else "".join(cell["source"])
    lines = source.splitlines(keepends=True)
    place = found.first_line - 2
    lines[place] = line + lines[place][len(lines[place].rstrip("\r\n")) :]
    cell["source"] = "".join(lines) if isinstance(cell["source"], str) else lines
    text = json.dumps(document, indent=_indent(before), ensure_ascii=False)
    _replace(notebook, before, text + ("\n" if before.endswith(b"\n") else ""))
    return line


def _indent(text: bytes) -> int | None:
    """Return by how much a JSON text is indented: Jupyter writes one space, other tools none or more."""
    second = text.splitlines()[1:2]
    return len(second[0]) - len(second[0].lstrip(b" ")) if second else None


def _replace(notebook: Path, before: bytes, text: str) -> None:
    try:
        handle, name = tempfile.mkstemp(dir=notebook.parent, prefix=f".{notebook.name}-")
        partial = Path(name)
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
                file.write(text)
            partial.chmod(notebook.stat().st_mode & 0o777)
            if notebook.read_bytes() != before:
                message = f"`{notebook}` was written by somebody else just now."
                raise RefusedError(message, hint="Run the command again.")
            partial.replace(notebook)
        finally:
            partial.unlink(missing_ok=True)
    except (OSError, UnicodeError) as error:
        message = f"`{notebook}` cannot be written: {error}."
        raise RefusedError(message, hint="Look at the rights of the file and its folder.") from error

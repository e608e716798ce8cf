"""Read a notebook file and find its streams; plain JSON, so that it works where no Jupyter is."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headrace.errors import HeadraceError, MissingError, MissingStreamError, UsageError
from headrace.spec import PreviewOptions, StreamSpec, parse_magic_line

STREAM_MAGIC = "%%stream"


@dataclass(frozen=True, slots=True)
class Cell:
    """A code cell.

    Attributes:
        index: 0-based place on the page, all kinds of cells counted.
        id: the cell's id in the file, or ``""`` in notebooks older than format 4.5.
        source: its text, magic lines included.
    """

    index: int
    id: str
    source: str

    @property
    def title(self) -> str:
        """How messages name the cell: its place on the page, counted from one."""
        return f"cell {self.index + 1}"


@dataclass(frozen=True, slots=True)
class NotebookStream:
    """A ``%%stream`` cell; either ``spec`` and ``preview`` or ``error`` is set.

    Attributes:
        name: the stream's name, or the first word after the magic when the line cannot be read.
        magic: the text after ``%%stream``.
        body: the lines below the magic line.
        first_line: the 1-based line of the cell on which the body starts.
        cell_index: 0-based place of the cell on the page.
        cell_id: the cell's id in the file, or ``""``.
        spec: what the magic line declares.
        preview: its preview options.
        error: why the magic line cannot be read.
    """

    name: str
    magic: str
    body: str
    first_line: int
    cell_index: int
    cell_id: str
    spec: StreamSpec | None = None
    preview: PreviewOptions | None = None
    error: HeadraceError | None = None


def read_cells(path: Path) -> list[Cell]:
    """Return the code cells of a notebook file, in the order of the page.

    Raises:
        MissingError: there is no such file.
        UsageError: the file is not a notebook of format 4.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        message = f"There is no notebook `{path}`."
        raise MissingError(message, hint="Name an .ipynb file.") from None
    except (OSError, UnicodeDecodeError) as error:
        message = f"`{path}` cannot be read: {error}."
        raise UsageError(message, hint="Name an .ipynb file.") from None
    try:
        cells = json.loads(text)["cells"]
        return [
            Cell(index, str(cell.get("id", "")), _source(cell))
            for index, cell in enumerate(cells)
            if cell["cell_type"] == "code"
        ]
    except (ValueError, KeyError, TypeError, AttributeError):
        message = f"`{path}` is not a Jupyter notebook (format 4)."
        raise UsageError(message, hint="Name an .ipynb file; open and save an old one in JupyterLab first.") from None


def read_streams(path: Path) -> list[NotebookStream]:
    """Return the notebook's streams in the order of the page; one that cannot be read carries its error.

    Raises:
        MissingError: there is no such file.
        UsageError: the file is not a notebook.
    """
    return [stream for cell in read_cells(path) if (stream := stream_of(cell)) is not None]


def find_stream(path: Path, name: str) -> NotebookStream:
    """Return the notebook's stream ``name``.

    Raises:
        MissingStreamError: no cell has it; the message lists those there are.
        UsageError: two cells have it, or its magic line cannot be read.
    """
    streams = read_streams(path)
    found = [stream for stream in streams if stream.name == name]
    if not found:
        known = ", ".join(stream.name for stream in streams)
        message = f"`{path.name}` has no stream `{name}`."
        raise MissingStreamError(message, hint=f"It has {known}." if known else "It has no %%stream cell at all.")
    if len(found) > 1:
        places = " and ".join(f"cell {stream.cell_index + 1}" for stream in found)
        message = f"`{path.name}` has the stream `{name}` in {places}."
        raise UsageError(message, hint="Give each %%stream cell a name of its own.")
    if found[0].error is not None:
        raise found[0].error
    return found[0]


def stream_of(cell: Cell) -> NotebookStream | None:
    """Return the stream that a cell is, or ``None`` when it is another cell."""
    lines = cell.source.splitlines(keepends=True)
    first = next((number for number, line in enumerate(lines) if line.strip()), None)
    if first is None:
        return None
    magic = lines[first].strip()
    if magic.split(None, 1)[0] != STREAM_MAGIC:
        return None
    magic = magic.removeprefix(STREAM_MAGIC).strip()
    body = "".join(lines[first + 1 :])
    place: dict[str, Any] = {"first_line": first + 2, "cell_index": cell.index, "cell_id": cell.id}
    try:
        parsed = parse_magic_line(magic)
    except HeadraceError as error:
        name = (magic.split(None, 1) or [""])[0]
        return NotebookStream(name, magic, body, **place, error=error)
    return NotebookStream(parsed.spec.name, magic, body, **place, spec=parsed.spec, preview=parsed.preview)


def _source(cell: dict[str, Any]) -> str:
    source = cell["source"]
    return source if isinstance(source, str) else "".join(source)

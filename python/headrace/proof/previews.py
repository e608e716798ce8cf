"""Previews on disk: the newest ones, each a file of its owner's alone."""

from __future__ import annotations

import hashlib
import os
import re
import time
from pathlib import Path

from pydantic import ValidationError

from headrace.errors import MissingError
from headrace.home import home
from headrace.proof.preview_model import Preview, notebook_key

MOST_PREVIEWS = 200

_ID = re.compile(r"[0-9a-f]{8,64}", re.ASCII)


def save(preview: Preview) -> None:
    """Store ``preview`` and delete the oldest beyond :data:`MOST_PREVIEWS`."""
    folder = home("previews")
    path = folder / f"{time.time_ns():020d}-{_stream_key(preview.notebook, preview.stream)}-{preview.id}.json"
    unfinished = folder / f".{preview.id}.part"
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(preview.model_dump_json().encode("utf-8"))
    unfinished.replace(path)
    for old in sorted(folder.glob("*.json"))[:-MOST_PREVIEWS]:
        old.unlink(missing_ok=True)


def load(preview_id: str) -> Preview:
    """Return the stored preview of that id.

    Raises:
        MissingError: the id is not one, or its preview is no longer kept.
    """
    found = sorted(home("previews").glob(f"*-{preview_id}.json")) if _ID.fullmatch(preview_id) else []
    preview = _read(found[-1]) if found else None
    if preview is None:
        message = f"There is no preview `{preview_id[:64]}` here."
        raise MissingError(message, hint="Run the cell again: only the newest previews are kept.")
    return preview


def latest(notebook: str | Path | None, stream: str) -> Preview | None:
    """Return the newest preview of a notebook's stream, or ``None``.

    Args:
        notebook: its path; ``None`` for previews of no known notebook.
        stream: the stream's name.
    """
    found = sorted(home("previews").glob(f"*-{_stream_key(notebook_key(notebook), stream)}-*.json"))
    return next((preview for path in reversed(found) if (preview := _read(path))), None)


def _stream_key(notebook: str | None, stream: str) -> str:
    return hashlib.sha256(f"{notebook or ''}\n{stream}".encode()).hexdigest()[:16]


def _read(path: Path) -> Preview | None:
    """Return the preview in ``path``, or ``None`` where it is gone or of another version."""
    try:
        return Preview.model_validate_json(path.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None

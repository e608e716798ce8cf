"""From a notebook's path, as the front end names it, to its file; never out of the server's root folder."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from headrace.errors import MissingError, UsageError


def notebook_file(root: Path, path: str) -> Path:
    """Return the file of a notebook.

    Args:
        root: the folder that the Jupyter server serves.
        path: the notebook's path within it, with ``/``.

    Raises:
        UsageError: the path leads out of ``root``, into a hidden folder, or to something that is no notebook.
        MissingError: there is no such file.
    """
    parts = PurePosixPath(path.lstrip("/")).parts
    if not path or "\0" in path or "\\" in path or any(part.startswith(".") for part in parts):
        message = f"`{path}` is no path of a notebook."
        raise UsageError(message, hint="Name it from the folder that JupyterLab shows as its root.")
    top = root.resolve()
    file = top.joinpath(*parts).resolve()
    if not file.is_relative_to(top):
        message = f"`{path}` leads out of the folder that this server serves."
        raise UsageError(message, hint="Name a notebook below JupyterLab's root folder.")
    if file.suffix != ".ipynb":
        message = f"`{path}` is no notebook."
        raise UsageError(message, hint="Name an .ipynb file.")
    if not file.is_file():
        message = f"There is no notebook `{path}`."
        raise MissingError(message, hint="Save it first.")
    return file

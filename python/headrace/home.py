"""Where Headrace keeps what is not in anybody's repository: the broker, samples, previews, services."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

HOME_VARIABLE = "HEADRACE_HOME"


def home(*parts: str) -> Path:
    """Return a folder in Headrace's data folder, made (mode 0700) when it is not there.

    The data folder is ``$HEADRACE_HOME``, else the platform's folder for user data.

    Args:
        parts: names of nested folders, for example ``"broker", "data"``.

    Returns:
        The absolute path of an existing folder.
    """
    configured = os.environ.get(HOME_VARIABLE)
    root = Path(configured) if configured else Path(platformdirs.user_data_dir("headrace", appauthor=False))
    folder = root.joinpath(*parts).absolute()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder

"""Headrace takes a pandas cell from a notebook to a running Kafka service without translation.

In a notebook ``%load_ext headrace`` gives the ``%%stream`` magic; in a plain Python file
``@headrace.stream(source=..., sink=...)`` says the same. Everything is imported when it is first
used: a service never imports the notebook side, a kernel never imports the server side.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from headrace._version import __version__
    from headrace.notebook.session import resample, streams
    from headrace.spec.decorator import stream

__all__ = ["__version__", "load_ipython_extension", "resample", "stream", "streams"]

_HOMES = {
    "__version__": "headrace._version",
    "resample": "headrace.notebook.session",
    "stream": "headrace.spec.decorator",
    "streams": "headrace.notebook.session",
}


def __getattr__(name: str) -> object:
    """Import a public name from its module when it is first asked for (PEP 562)."""
    if name not in _HOMES:
        message = f"module 'headrace' has no attribute {name!r}"
        raise AttributeError(message, name=name, obj=import_module("headrace"))
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Register the ``%%stream`` magic: what ``%load_ext headrace`` calls.

    Args:
        shell: the IPython shell of the kernel.
    """
    from headrace.notebook import load_ipython_extension as load  # noqa: PLC0415 (a service has no IPython)

    load(shell)


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    """Tell JupyterLab where the built front end lies, relative to this package."""
    return [{"src": "labextension", "dest": "headrace"}]


def _jupyter_server_extension_points() -> list[dict[str, object]]:
    """Tell Jupyter Server which application serves ``/headrace``."""
    from headrace.server import HeadraceApp  # noqa: PLC0415 (only a Jupyter server has jupyter_server)

    return [{"module": "headrace.server", "app": HeadraceApp}]

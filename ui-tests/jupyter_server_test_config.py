"""The settings of JupyterLab for the browser tests: no token, the project as root.

Never use them for anything else: they switch the server's protections off.
"""

from __future__ import annotations

import os

from jupyterlab.galata import configure_jupyter_server

configure_jupyter_server(c)  # type: ignore[name-defined]  # noqa: F821  (Jupyter's configuration object)
c.ServerApp.port = int(os.environ["HEADRACE_UI_PORT"])  # type: ignore[name-defined]  # noqa: F821
c.ServerApp.allow_root = True  # type: ignore[name-defined]  # noqa: F821

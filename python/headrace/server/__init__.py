"""The Jupyter server extension: REST under ``/headrace`` and one WebSocket, ``/headrace/feed``."""

from headrace.server.app import HeadraceApp

__all__ = ["HeadraceApp"]

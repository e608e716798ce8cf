"""Windows that are still open, and those that close."""

from headrace.engine.windows.closed import Closed
from headrace.engine.windows.open_windows import OpenWindows

__all__ = ["Closed", "OpenWindows"]

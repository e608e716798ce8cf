"""Side inputs: other topics as frames in the function's scope, up to the event time of its rows."""

from headrace.engine.sides.pinned import PinnedSides
from headrace.engine.sides.protocol import Sides, SidesBehindError
from headrace.engine.sides.reader import SideReader, side_readers

__all__ = ["PinnedSides", "SideReader", "Sides", "SidesBehindError", "side_readers"]

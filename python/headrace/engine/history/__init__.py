"""Rows that are kept: those that a lookback may still need, and those that wait."""

from headrace.engine.history.backlog import Backlog, Piece
from headrace.engine.history.budget import MemoryBudget
from headrace.engine.history.history import History
from headrace.engine.history.segment import Segment

__all__ = ["Backlog", "History", "MemoryBudget", "Piece", "Segment"]

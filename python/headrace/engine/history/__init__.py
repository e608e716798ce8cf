"""Rows that a lookback may still need."""

from headrace.engine.history.budget import MemoryBudget
from headrace.engine.history.history import History
from headrace.engine.history.segment import Segment

__all__ = ["History", "MemoryBudget", "Segment"]

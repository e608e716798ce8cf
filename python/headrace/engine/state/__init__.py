"""Memory of a function's own: frames by key, kept over batches and restarts."""

from headrace.engine.state.rocks import RocksStore
from headrace.engine.state.states import States
from headrace.engine.state.store import MemoryStore, Store

__all__ = ["MemoryStore", "RocksStore", "States", "Store"]

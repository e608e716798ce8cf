"""Records that are still needed, kept in the stream's changelog because the log forgets them too early."""

from headrace.engine.kept.chunk import Chunk
from headrace.engine.kept.keeping import Keeping
from headrace.engine.kept.kept_records import KeptRecords

__all__ = ["Chunk", "Keeping", "KeptRecords"]

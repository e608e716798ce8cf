"""A range of a topic through a stream, as fast as it goes, to its end."""

from headrace.engine.bounded.run import BoundedResult, run_bounded

__all__ = ["BoundedResult", "run_bounded"]

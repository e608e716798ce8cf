"""What processors have in common that keep nothing but what the commit has."""

from __future__ import annotations

import pandas as pd

from headrace.kafka.records import Records


class Forgetful:
    """The part of a :class:`~headrace.engine.processor.Processor` that is about a past: there is none."""

    def holds(self, partition: int, committed: int) -> bool:
        """Return true: there is nothing to load."""
        del partition, committed
        return True

    def load(self, partition: int, records: Records) -> None:
        """Do nothing."""

    def loaded(self, partition: int) -> None:
        """Do nothing."""

    def recall(self, partition: int, committed: int) -> int | None:
        """Do nothing."""

    def checkpoint(self, offsets: dict[int, int]) -> None:
        """Do nothing."""

    def kept_since(self, partition: int) -> int | None:
        """Return ``None``: nothing is kept."""

    def restore_kept(self, partition: int, first: int) -> bool:
        """Return false: there is nothing more."""
        del partition, first
        return False

    def restore(self, partition: int, records: Records) -> None:
        """Do nothing."""

    def restored(self, partition: int) -> None:
        """Do nothing."""

    def size(self) -> tuple[int, int]:
        """Return nothing."""
        return 0, 0

    def states(self) -> dict[str, pd.DataFrame]:
        """Return nothing."""
        return {}

    def close(self) -> None:
        """Do nothing."""

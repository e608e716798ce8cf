"""Side inputs that are pinned with a sample: all rows are there from the beginning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pandas as pd

from headrace.engine.sides.reader import SideReader, side_readers
from headrace.kafka.records import Records
from headrace.spec import StreamDocument

if TYPE_CHECKING:
    from headrace.kafka.registry import Registry


class PinnedSides:
    """Gives side inputs from records at hand, as a replay would: rows up to the main rows' time.

    Args:
        document: the stream's, with the pinned types of its side inputs.
        records: of the side topics, by topic; one that is not there has no rows.
        registry: where the schemas are, for the formats that have some.

    Attributes:
        records: as given.
    """

    def __init__(
        self, document: StreamDocument, records: Mapping[str, Records], registry: Registry | None = None
    ) -> None:
        self.records = records
        self._document = document
        self._registry = registry
        self._readers: list[SideReader] | None = None

    def frames(self, first: int, last: int) -> dict[str, pd.DataFrame]:
        """Return each side input under its name, for rows from ``first`` to ``last`` (microseconds, both included)."""
        return {reader.side.name: reader.frame(first, last) for reader in self.readers()}

    def readers(self) -> list[SideReader]:
        """Return the side inputs' readers, filled."""
        if self._readers is None:
            self._readers = side_readers(self._document, self._registry)
            for reader in self._readers:
                if reader.side.topic in self.records:
                    reader.add(self.records[reader.side.topic])
        return self._readers

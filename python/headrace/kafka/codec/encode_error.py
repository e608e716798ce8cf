"""The error of rows that JSON cannot hold."""

from __future__ import annotations

from collections.abc import Sequence

from headrace.errors import RecordError


class EncodeError(RecordError):
    """Rows of an output frame that cannot be written.

    Attributes:
        rows: their positions in the frame, ascending; never empty, all rows where the frame itself is at fault.
    """

    def __init__(self, message: str, *, rows: Sequence[int], hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.rows = tuple(rows)

    def of(self, row: int) -> EncodeError:
        """Return the error of one of the rows."""
        del row
        return self

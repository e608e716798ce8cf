"""Records without a value."""

from __future__ import annotations

from headrace.errors import DecodeError


class TombstoneError(DecodeError):
    """The record has no value: it says that its key is deleted. No format makes a row of it."""

    def __init__(self) -> None:
        super().__init__("The record has no value (a tombstone).", hint="This format takes records with a value only.")

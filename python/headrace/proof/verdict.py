"""The verdict: whether a cell gives on a stream what it gives on a whole sample."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

DifferenceKind = Literal["value", "row", "order", "failure", "key"]
"""What differs: one value, whether or how often there is a row, the order, what fails, the output's key."""


class Difference(BaseModel):
    """The first record where a whole run and a split one differ.

    Attributes:
        partition: the record's partition; where rows cannot be traced, that of the batch's first record.
        offset: its offset there.
        column: the output's column, or ``None`` where more than one value differs (see ``kind``).
        whole: what the whole run gives: a JSON value; for ``row`` the row or null, for ``order`` the offset of the
            record whose output stands there, for ``failure`` the error or null.
        split: what the split run gives, in the same form.
        kind: what differs.
        window_start: of outputs of windows, the start of the window that differs (ISO 8601, UTC).
        key: of outputs of windows, the output's key.
    """

    model_config = ConfigDict(frozen=True)

    partition: int
    offset: int
    column: str | None
    whole: Any
    split: Any
    kind: DifferenceKind = "value"
    window_start: str | None = None
    key: str | None = None

    def __str__(self) -> str:
        where = f"{self.partition}:{self.offset}"
        if self.window_start is not None:
            where = f"in the window of {self.window_start}" + (f", key {self.key}" if self.key is not None else "")
            what = f", column {self.column}" if self.column is not None else ""
            return f"{where}{what}: {_shown(self.whole)} whole, {_shown(self.split)} split"
        if self.kind == "order":
            return f"at {where}: the output of offset {self.whole} in the whole, of offset {self.split} in batches"
        what = f", column {self.column}" if self.column is not None else ""
        return f"at {where}{what}: {_shown(self.whole)} whole, {_shown(self.split)} split"


class Verdict(BaseModel):
    """What the streamability check found.

    Attributes:
        equal: batch and stream agree; ``None`` when the sample does not prove it.
        reason: one sentence; where not proved, with what would prove it.
        difference: the first difference, when they differ.
        suggestion: a declaration that was tried and makes both equal, as options of the magic line.
        rewrite: where no declaration does, another body for the cell that was tried and makes both equal.
        splits: how many ways of cutting the sample were run.
        seconds: how long the check took.
        seconds_per_record: of the whole run.
        messages: what else is worth knowing, a sentence each.
        rows_in: records of the sample.
        rows_out: rows that came out of the whole run.
        filtered: records that neither failed nor gave a row; ``None`` where rows cannot be traced.
        failed: records that failed.
    """

    model_config = ConfigDict(frozen=True)

    equal: bool | None
    reason: str
    difference: Difference | None = None
    suggestion: str | None = None
    rewrite: str | None = None
    splits: int = 0
    seconds: float = 0.0
    seconds_per_record: float = 0.0
    messages: tuple[str, ...] = ()
    rows_in: int = 0
    rows_out: int = 0
    filtered: int | None = 0
    failed: int = 0

    @property
    def word(self) -> str:
        """``equal``, ``differs`` or ``not proved``."""
        return {True: "equal", False: "differs", None: "not proved"}[self.equal]


_SHOWN = 80


def _shown(value: object) -> str:
    if value is None:
        return "null"
    text = str(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"

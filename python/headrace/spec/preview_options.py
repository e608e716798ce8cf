"""Options of the magic line that concern the preview alone and are no part of the stream."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

DEFAULT_SAMPLE = "latest:500"


class PreviewOptions(BaseModel):
    """How a cell is previewed.

    Attributes:
        sample: which records, as ``--sample`` takes it.
        show: how many rows to print into the cell's output, or ``None`` for none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    sample: str = DEFAULT_SAMPLE
    show: int | None = Field(default=None, ge=1)

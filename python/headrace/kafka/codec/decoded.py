"""What decoding a run of records gives."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from headrace.errors import RecordError


@dataclass(frozen=True, slots=True)
class RecordFailure:
    """A record that does not fit.

    Attributes:
        position: its place in the run that was decoded.
        error: a :class:`~headrace.errors.DecodeError` or :class:`~headrace.errors.TypeMismatchError`.
    """

    position: int
    error: RecordError


@dataclass(frozen=True, slots=True)
class Decoded:
    """The records of a run that fit, as a frame of m rows, and those that do not.

    Attributes:
        frame: m rows with a 0-based index; the pinned columns in the pinned order, each of its pinned dtype.
        positions: int64[m], for each row the place of its record in the run, ascending; a place stands there several
            times where one record gives several rows (a JSON array), and not at all where it gives none (``[]``).
        failures: the records that do not fit, by position; none of these has a row.
        dropped: fields that the pinned types do not know, with how many rows had them.
    """

    frame: pd.DataFrame
    positions: npt.NDArray[np.int64]
    failures: list[RecordFailure]
    dropped: Counter[str]

"""The keys of a batch, and what a function is given of its states."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from headrace.engine.frames import key_texts
from headrace.engine.rows import Rows


@dataclass(frozen=True, slots=True)
class Keys:
    """The k keys of a batch, in the order in which they come first.

    Attributes:
        labels: the values of the key column, named like it.
        texts: their texts in UTF-8; ``None`` for null, which is a key like the others.
        lanes: int32[k], the partition of each.
        first: int64[k], the first of its event times, microseconds.
        last: int64[k], the latest of them.
    """

    labels: pd.Index
    texts: list[bytes | None]
    lanes: npt.NDArray[np.int32]
    first: npt.NDArray[np.int64]
    last: npt.NDArray[np.int64]

    @classmethod
    def of(cls, rows: Rows, lanes: npt.NDArray[np.int32], column: str) -> Keys:
        """Return the keys of rows.

        Args:
            rows: n rows, at least one.
            lanes: int32[n], the partition of each.
            column: the key column's name.
        """
        codes, _ = pd.factorize(rows.frame[column], use_na_sentinel=False)
        count = int(codes.max()) + 1
        order = np.argsort(codes, kind="stable")
        begins = np.searchsorted(codes[order], np.arange(count))
        places = order[begins]
        labels = pd.Index(rows.frame[column].iloc[places], name=column)
        latest = np.maximum.reduceat(rows.times[order], begins)
        return cls(labels, key_texts(labels.to_series()), lanes[places], rows.times[places], latest)

    def __len__(self) -> int:
        return len(self.texts)


@dataclass(frozen=True, slots=True)
class Given:
    """What a call of the function is given of its states.

    Attributes:
        keys: the batch's keys.
        frames: by name, the rows of those keys that have some.
        stored: by name, for each key the value as it is kept, or ``None``.
    """

    keys: Keys
    frames: Mapping[str, pd.DataFrame]
    stored: Mapping[str, list[bytes | None]]

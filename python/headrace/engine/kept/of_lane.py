"""What of a lane is kept, and what it takes of it after a restart."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from headrace.engine.arrivals import Arrived
from headrace.engine.kept.chunk import Chunk, Codes, both_codes, record_codes, row_codes
from headrace.engine.lane import Lane
from headrace.engine.rows import Rows
from headrace.kafka.records import Records


def chunk_of(
    records: Records, arrived: Arrived, mine: npt.NDArray[np.bool_], late: npt.NDArray[np.bool_], newest: int
) -> Chunk | None:
    """Return the records of one partition that gave rows, as they are kept; ``None`` when there are none.

    Args:
        records: as they were read.
        arrived: n rows of them.
        mine: bool[n], which rows are of the partition.
        late: bool[n], which rows came too late.
        newest: the newest event time seen before them.
    """
    places, firsts = np.unique(arrived.read[mine], return_index=True)
    if not len(places):
        return None
    rows, late_rows = arrived.rows, np.empty((0, 2), np.uint64)
    if late[mine].any():
        late_rows = both_codes(rows.take(mine & late))
    kept = records if len(places) == len(records) else records.take(places)
    return Chunk(kept, rows.partitions[mine][firsts], rows.offsets[mine][firsts], late_rows, newest)


def needed_codes(lane: Lane) -> Codes:
    """Return the codes of the records of which a lane remembers rows, ascending."""
    codes = [record_codes(partitions, offsets) for partitions, offsets in lane.places()]
    return np.unique(np.concatenate([np.empty(0, np.uint64), *codes]))


def are_closed(rows: Rows, closed: pd.Series) -> npt.NDArray[np.bool_]:
    """Return which of n rows are in windows that have closed, bool[n].

    Args:
        rows: in the order in which they came.
        closed: how many rows with a code are, the first of them, by the code.
    """
    if not len(closed) or not len(rows):
        return np.zeros(len(rows), np.bool_)
    codes = pd.Series(row_codes(rows))
    known = codes.map(closed).fillna(0).to_numpy()
    return np.asarray(codes.groupby(codes).cumcount().to_numpy() < known)

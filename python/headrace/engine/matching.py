"""Find out how a function's output rows can be matched to its input rows."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from headrace.engine.context import ROW_ID, Function
from headrace.engine.step import apart, fan_out
from headrace.spec import Matching

_FIRST_LABEL = 7_919_000_003
_STRIDE = 104_729


def find_matching(
    function: Function,
    frame: pd.DataFrame,
    arguments: Mapping[str, object],
    *,
    sinks: tuple[str, ...] = (),
    states: tuple[str, ...] = (),
) -> Matching:
    """Run ``function`` with other labels and say what its output's labels are.

    With labels that no fresh index has, an output whose labels are all among them keeps its rows' labels. Else a
    column of row ids is added; an output that still has it, with ids of given rows alone, is matched by it.

    Args:
        function: the stream's function.
        frame: rows to try it on, with a plain 0-based index; at least one, better some dozens.
        arguments: what the function gets by name.
        sinks: the topics that take the outputs; with several the function gives a dict of frames.
        states: the names among the arguments that the function hands back after its output.

    Returns:
        ``"label"``, ``"row-id"`` or ``"none"``. Without any output row ``"label"``, the common case.

    Raises:
        Exception: whatever the function raised.
    """

    def outputs(given: pd.DataFrame) -> list[pd.DataFrame]:
        own = {name: value.copy() if isinstance(value, pd.DataFrame) else value for name, value in arguments.items()}
        returned, _ = apart(function(given, **own), states)
        return [rows for rows in fan_out(returned, sinks).values() if len(rows)]

    labels = _FIRST_LABEL + _STRIDE * np.arange(len(frame), dtype=np.int64)
    labels[1::2] = labels[1::2][::-1]
    relabelled = frame.set_axis(labels, axis=0)
    found = outputs(relabelled.copy(deep=True))
    if all(rows.index.nlevels == 1 and _all_among(rows.index.to_numpy(), labels) for rows in found):
        return "label"
    ids = frame.copy(deep=True)
    ids[ROW_ID] = labels
    found = outputs(ids)
    if all(ROW_ID in rows.columns and _all_among(rows[ROW_ID].to_numpy(), labels) for rows in found):
        return "row-id"
    return "none"


def _all_among(found: npt.NDArray[np.generic], labels: npt.NDArray[np.int64]) -> bool:
    return bool(np.issubdtype(found.dtype, np.integer) and np.isin(found, labels).all())

"""The step: frame and context in, rows and their provenance out. Preview, check, test and service all call it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from headrace.engine.context import ROW_ID, Context, Part, StepResult
from headrace.errors import CellError


def step(frame: pd.DataFrame, context: Context) -> StepResult:
    """Run the stream's function once and say which row each output comes from.

    The function gets a copy, so the frame stays as it was. Pure but for what the function itself does.

    Args:
        frame: the rows to process, with a plain 0-based index and the pinned dtypes; history before new rows.
        context: the function, how to match its rows, its arguments, and which rows are new.

    Returns:
        The outputs of the new rows, in the order in which the function gave them. An empty frame gives no rows
        without a call.

    Raises:
        CellError: the function returned something else than rows, or rows that cannot be matched.
        Exception: whatever the function raised.
    """
    if not len(frame.index):
        return StepResult((Part(pd.DataFrame(), np.empty(0, np.int64)),))
    given = frame.copy(deep=True)
    if context.matching == "row-id":
        given[ROW_ID] = np.arange(len(frame), dtype=np.int64)
    returned, states = apart(context.function(given, **context.arguments), context.states)
    frames = fan_out(returned, context.sinks)
    return StepResult(tuple(_part(rows, len(frame), sink, context) for sink, rows in frames.items()), states)


def apart(returned: object, states: tuple[str, ...]) -> tuple[object, dict[str, object]]:
    """Return a function's output, and what it left in its states, which it hands back after the output.

    Raises:
        CellError: there are not as many as the stream has states.
    """
    if not states:
        return returned, {}
    if not isinstance(returned, tuple) or len(returned) != len(states) + 1:
        message = "The function of a stream with --state gives its output and then each state."
        raise CellError(message, hint=f"End it with `return output, {', '.join(states)}`.")
    return returned[0], dict(zip(states, returned[1:], strict=True))


def fan_out(returned: object, sinks: tuple[str, ...]) -> dict[int, pd.DataFrame]:
    """Return the output for each topic, by the topic's position among ``sinks``.

    Raises:
        CellError: there are several topics and it is no dict of frames by topic, or it is no frame.
    """
    if len(sinks) < 2:  # noqa: PLR2004  one topic takes all
        return {0: as_frame(returned)}
    if not isinstance(returned, Mapping):
        message = f"The cell gave a {type(returned).__name__} for {len(sinks)} topics."
        raise CellError(
            message, hint=f"End it with a dict of frames by topic: {{'{sinks[0]}': ..., '{sinks[1]}': ...}}."
        )
    unknown = [name for name in returned if name not in sinks]
    if unknown:
        message = f"The cell gave rows for `{unknown[0]}`, which is none of its topics."
        raise CellError(message, hint=f"Name it with --to, or use one of {', '.join(sinks)}.")
    return {number: as_frame(returned[name]) for number, name in enumerate(sinks) if name in returned} or {
        0: pd.DataFrame()
    }


def _part(rows: pd.DataFrame, count: int, sink: int, context: Context) -> Part:
    source = _source(rows, count, context)
    rows = _plain(rows, context)
    if context.new is not None:
        kept = (source >= 0) & context.new[source]
        rows, source = rows[kept].reset_index(drop=True), source[kept]
    return Part(rows, source, sink)


def as_frame(returned: object) -> pd.DataFrame:
    """Return what a stream's function returned as a DataFrame; a Series becomes its one column.

    Raises:
        CellError: it is neither, or two columns have one name.
    """
    if isinstance(returned, pd.Series):
        returned = returned.to_frame(name="value" if returned.name is None else returned.name)
    if not isinstance(returned, pd.DataFrame):
        kind = "nothing (None)" if returned is None else f"a {type(returned).__name__}"
        message = f"The cell gave {kind} where its output should be."
        raise CellError(message, hint="End the cell with an expression that is a DataFrame, one row an output.")
    if returned.columns.nlevels > 1:
        message = f"The output's columns have {returned.columns.nlevels} levels."
        raise CellError(message, hint="Give each column one plain name, for example with `set_axis`.")
    if not returned.columns.is_unique:
        twice = returned.columns[returned.columns.duplicated()][0]
        message = f"The output has two columns named `{twice}`."
        raise CellError(message, hint="Rename or drop one of them.")
    return returned


def _source(rows: pd.DataFrame, count: int, context: Context) -> npt.NDArray[np.int64]:
    if context.matching == "none" or not len(rows):
        return np.full(len(rows), -1, np.int64)
    if context.matching == "label":
        found = rows.index.to_numpy() if rows.index.nlevels == 1 else None
        what = "index"
    else:
        found = rows[ROW_ID].to_numpy() if ROW_ID in rows.columns else None
        what = "row ids"
    if found is None or not np.issubdtype(found.dtype, np.integer) or found.min() < 0 or found.max() >= count:
        message = f"The output's {what} are not those of the rows the cell was given, so rows cannot be matched."
        raise CellError(message, hint="Treat every batch alike: keep the index in all cases, or in none.")
    return found.astype(np.int64, copy=False)


def _plain(rows: pd.DataFrame, context: Context) -> pd.DataFrame:
    if ROW_ID in rows.columns:
        rows = rows.drop(columns=ROW_ID)
    if context.matching != "label" and any(name is not None for name in rows.index.names):
        clash = [name for name in rows.index.names if name in rows.columns]
        if clash:
            message = f"The output's index and a column are both named `{clash[0]}`."
            raise CellError(message, hint="Use reset_index(drop=True), or rename one of them.")
        return rows.reset_index()
    return rows.reset_index(drop=True)

"""What a function left in a state, checked before it is kept."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from headrace.engine.state.rows import knows_null
from headrace.errors import CellError


def as_state(left: object, name: str) -> pd.DataFrame:
    """Return what a function left in the state ``name`` as a frame with one row a key; a Series is its one column.

    Raises:
        CellError: it is no such frame.
    """
    if isinstance(left, pd.Series):
        left = left.to_frame(name="value" if left.name is None else left.name)
    if not isinstance(left, pd.DataFrame):
        kind = "nothing (None)" if left is None else f"a {type(left).__name__}"
        message = f"The cell left {kind} in the state `{name}`."
        raise CellError(message, hint="Leave a DataFrame in it, indexed by the key.")
    if left.index.nlevels > 1 or left.columns.nlevels > 1:
        message = f"The state `{name}` has several levels of {'keys' if left.index.nlevels > 1 else 'columns'}."
        raise CellError(message, hint="Index it by the key alone, and give each column one plain name.")
    if not left.index.is_unique:
        twice = left.index[left.index.duplicated()][0]
        message = f"The state `{name}` has two rows for the key {twice!r}."
        raise CellError(message, hint="Leave one row a key, for example by groupby(key).last().")
    if not left.columns.is_unique:
        twice = left.columns[left.columns.duplicated()][0]
        message = f"The state `{name}` has two columns named `{twice}`."
        raise CellError(message, hint="Rename or drop one of them.")
    return left


def fitted(frame: pd.DataFrame, pinned: Mapping[str, str] | None, name: str) -> pd.DataFrame:
    """Return a state's frame with its pinned dtypes, where there are some.

    Raises:
        CellError: it has a column that is not pinned, lacks one that cannot be null, or has values that do not fit.
    """
    if pinned is None or not len(frame):
        return frame
    new = [str(column) for column in frame.columns if str(column) not in pinned]
    if new:
        message = f"The state `{name}` has a column `{new[0]}`, which it had not on the sample."
        raise CellError(message, hint="Commit it with a sample that shows all its columns.")
    lost = [column for column, dtype in pinned.items() if column not in frame and not knows_null(dtype)]
    if lost:
        message = f"The state `{name}` lacks its column `{lost[0]}`, which was {pinned[lost[0]]} on the sample."
        raise CellError(message, hint="Leave the column in it for every key.")
    columns = {column: _cast(frame[column], dtype, name) for column, dtype in pinned.items() if column in frame}
    return pd.DataFrame(columns, index=frame.index)


def _cast(column: pd.Series, dtype: str, name: str) -> pd.Series:
    if str(column.dtype) == dtype:
        return column
    try:
        cast = column.astype(pd.api.types.pandas_dtype(dtype))
        same = bool((cast.isna() == column.isna()).all()) and bool((cast == column)[column.notna()].all())
    except (TypeError, ValueError, pd.errors.IntCastingNaNError, np.exceptions.DTypePromotionError):
        same, cast = False, column
    if not same:
        was = f"`{column.name}`, which was {dtype} on the sample"
        message = f"The state `{name}` has {column.dtype} in its column {was}."
        raise CellError(message, hint=f"Convert it, for example by astype({dtype!r}).")
    return cast

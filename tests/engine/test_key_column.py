"""The keys of outputs, one by one and as a column."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from headrace.engine.frames import key_column, key_texts
from headrace.kafka.bytes_column import BytesColumn

_TEXTS = pd.Series(["ä", None, "", "N102UW", "null"] * 60, dtype="str")


@pytest.mark.parametrize(
    "column",
    [
        pytest.param(_TEXTS, id="text"),
        pytest.param(_TEXTS.iloc[7:207], id="a piece of it"),
        pytest.param(_TEXTS.iloc[::-2], id="taken from it"),
        pytest.param(_TEXTS.head(5), id="few"),
        pytest.param(_TEXTS.dropna(), id="without nulls"),
        pytest.param(pd.Series(np.arange(300)), id="integers"),
        pytest.param(pd.Series([True, False] * 100), id="booleans"),
        pytest.param(pd.Series([], dtype="str"), id="nothing"),
    ],
)
def test_a_column_of_keys_has_their_texts(column: pd.Series) -> None:
    assert list(key_column(column)) == key_texts(column)


def test_much_text_makes_no_object_a_key() -> None:
    assert isinstance(key_column(_TEXTS), BytesColumn)
    assert list(key_column(_TEXTS))[:5] == ["ä".encode(), None, b"", b"N102UW", b"null"]

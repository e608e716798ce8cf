"""Which columns of a state are pinned: those of the rows that the sample leaves in it."""

from __future__ import annotations

import pandas as pd
import pytest

from drawn import TYPES, records_of
from headrace.engine.stream import Stream
from headrace.engine.trial import process
from headrace.proof.prepare import with_output
from headrace.spec import StreamDocument, StreamSpec


@pytest.mark.parametrize(
    ("left", "pinned"),
    [(["x"], {"totals": {"x": "float64"}}), ([], {"totals": {}}), (None, {})],
    ids=["columns", "keys alone", "no rows"],
)
def test_what_is_pinned(left: list[str] | None, pinned: dict[str, dict[str, str]]) -> None:
    def function(df: pd.DataFrame, totals: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
        return df, totals.iloc[:0] if left is None else df.groupby("k")[left].last()

    spec = StreamSpec(name="s", source="in", sinks=("out",), key="k", states=("totals",))
    frame = pd.DataFrame(
        {"k": pd.array(["a"], dtype="str"), "t": pd.Timestamp("2026-01-01", tz="UTC"), "x": 1.0, "n": 1, "partition": 0}
    )
    stream = Stream(StreamDocument(spec=spec, input=TYPES), function)
    result = process(stream, records_of(frame))
    assert not result.failures
    assert with_output(stream, result).document.states == pinned

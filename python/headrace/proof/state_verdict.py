"""Compare what runs leave in their states."""

from __future__ import annotations

from collections.abc import Mapping

import orjson
import pandas as pd

from headrace.engine.state.rows import encode_rows
from headrace.kafka.records import Records
from headrace.proof.compare import same_rows
from headrace.proof.json_values import json_value
from headrace.proof.verdict import Difference


def compare_states(
    whole: Mapping[str, pd.DataFrame], split: Mapping[str, pd.DataFrame], records: Records
) -> Difference | None:
    """Return the first difference between the states at the end of two runs, or ``None``.

    Args:
        whole: by name, one row a key, indexed by its text.
        split: likewise.
        records: the sample; its last record's place stands for the end.
    """
    for name, frame in whole.items():
        one, other = _rows(frame, name), _rows(split[name], name)
        for text in sorted(one.keys() | other.keys()):
            mine, theirs = one.get(text), other.get(text)
            column = None if mine is None or theirs is None else same_rows(mine, theirs)
            if mine is not None and theirs is not None and column is None:
                continue
            place = {"partition": int(records.partitions[-1]), "offset": int(records.offsets[-1]), "key": text[1:]}
            values = [
                json_value(row if column is None or row is None else row.get(column)) if row is not None else None
                for row in (mine, theirs)
            ]
            label = f"state {name}" if column is None else f"state {name}.{column}"
            return Difference(**place, column=label, whole=values[0], split=values[1])
    return None


def _rows(frame: pd.DataFrame, name: str) -> dict[str, dict[str, object]]:
    rows = [orjson.loads(row) for row in encode_rows(frame, name)]
    return dict(zip(map(str, frame.index), rows, strict=True))

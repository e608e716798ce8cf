"""Whether a cell gives for many windows in one frame what it gives for each alone."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from headrace.engine.result import BatchResult
from headrace.engine.stream import Stream
from headrace.engine.trial import process
from headrace.engine.window_work import WINDOW_START
from headrace.kafka.records import Records
from headrace.proof.quiet import quiet

_FEWEST = 2


def same_at_once(stream: Stream, records: Records) -> bool:
    """Run the windows of a sample one by one and all at once; true when every output is the same, in the same order.

    The output must have the column ``window_start``, by which a row is known to be of a window.

    Args:
        stream: with a window.
        records: the sample.
    """
    stream = replace(stream, edges=None)
    with quiet():
        alone = process(stream, records)
        if alone.failures or alone.starts is None or len(pd.unique(alone.starts)) < _FEWEST:
            return False
        if not all(WINDOW_START in part.columns for part in alone.parts if len(part)):
            return False
        document = stream.document.model_copy(update={"windows_at_once": True})
        together = process(replace(stream, document=document), records)
    return _outputs(alone) == _outputs(together)


def _outputs(result: BatchResult) -> tuple[list[bytes], list[bytes | None], list[int], list[int]]:
    starts = [] if result.starts is None else result.starts.tolist()
    return list(result.values), list(result.keys), starts, result.timestamps.tolist()

"""What the step needs beside the frame."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from headrace.spec import Matching

if TYPE_CHECKING:
    import pandas as pd

ROW_ID = "__headrace_row__"
"""The column that carries a row's position through cells that make a fresh index."""

Function = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Context:
    """What the step needs beside the frame.

    Attributes:
        function: the stream's function: a DataFrame first, then the arguments by name.
        matching: how its output rows are matched to the rows of the frame.
        arguments: what the function gets by name: parameters now; side inputs, models and states have their
            place here.
        new: bool[len(frame)], the rows whose outputs are kept; ``None`` keeps all. Rows of history are in the
            frame but not new.
    """

    function: Function
    matching: Matching
    arguments: Mapping[str, object] = field(default_factory=dict)
    new: npt.NDArray[np.bool_] | None = None


@dataclass(frozen=True, slots=True)
class StepResult:
    """Rows and their provenance.

    Attributes:
        rows: the outputs, with a plain 0-based index; dtypes as the function made them.
        source: int64[len(rows)], for each output the position of its row in the frame; -1 where unknown.
    """

    rows: pd.DataFrame
    source: npt.NDArray[np.int64]

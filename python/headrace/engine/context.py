"""What the step needs beside the frame, and what it gives."""

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
        arguments: what the function gets by name: parameters, side inputs and states.
        new: bool[len(frame)], the rows whose outputs are kept; ``None`` keeps all. Rows of history are in the
            frame but not new.
        sinks: the topics that take the outputs; with several the function gives a dict of frames by topic.
        states: the names among the arguments whose frames the function hands back after its output.
    """

    function: Function
    matching: Matching
    arguments: Mapping[str, object] = field(default_factory=dict)
    new: npt.NDArray[np.bool_] | None = None
    sinks: tuple[str, ...] = ()
    states: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """Outputs of one call of the step for one topic.

    Attributes:
        rows: the outputs, with a plain 0-based index; dtypes as the function made them.
        source: int64[len(rows)], for each output the position of its row in the frame; -1 where unknown.
        sink: the topic, as a position among the stream's sinks.
    """

    rows: pd.DataFrame
    source: npt.NDArray[np.int64]
    sink: int = 0


@dataclass(frozen=True, slots=True)
class StepResult:
    """Rows and their provenance, and what the function left in its states.

    Attributes:
        parts: one for each topic that got outputs; one at least.
        states: for each state what the function handed back.
    """

    parts: tuple[Part, ...]
    states: dict[str, object] = field(default_factory=dict)

    @property
    def rows(self) -> pd.DataFrame:
        """The outputs for the first topic."""
        return self.parts[0].rows

    @property
    def source(self) -> npt.NDArray[np.int64]:
        """For each output for the first topic its row in the frame."""
        return self.parts[0].source

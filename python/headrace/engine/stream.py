"""A stream ready to run: its document and its function."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from headrace.engine.context import Context, Function
from headrace.engine.edges import Edges
from headrace.engine.function import load_folder
from headrace.engine.sides import Sides
from headrace.spec import StreamDocument, read_document


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream ready to run.

    Attributes:
        document: the spec, the pinned column types and how rows are matched.
        function: DataFrame first, the spec's parameters by name.
        commit: the commit it was taken from, or ``None`` when it comes from a notebook or a working tree.
        sides: gives the side inputs that are pinned with a sample; a service reads them live instead.
        edges: of a sample that is a part of the log; ``None``: the records given are all there are.
    """

    document: StreamDocument
    function: Function
    commit: str | None = None
    sides: Sides | None = None
    edges: Edges | None = None

    @classmethod
    def from_folder(cls, folder: Path, *, commit: str | None = None) -> Stream:
        """Return the stream of a folder made by ``headrace commit``.

        Raises:
            MissingStreamError: the folder lacks ``stream.yaml`` or ``transform.py``.
            RefusedError: ``stream.yaml`` cannot be read.
        """
        return cls(read_document(folder), load_folder(folder), commit)

    @property
    def name(self) -> str:
        """The stream's name."""
        return self.document.spec.name

    def context(
        self, arguments: Mapping[str, object] | None = None, *, new: npt.NDArray[np.bool_] | None = None
    ) -> Context:
        """Return the context of one step; ``arguments`` are those that the batch brings: side inputs and states."""
        spec = self.document.spec
        names = tuple(state.name for state in spec.declared_states)
        known = {**spec.params, **(arguments or {})}
        return Context(self.function, self.document.matching, known, new, spec.sinks, names)

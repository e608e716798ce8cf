"""The quick decoder: records that are written alike, by the templates that were met so far."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.kafka.codec.json.columns import ColumnArray, plain_array, text_array
from headrace.kafka.codec.json.slots import Column, SlotReader
from headrace.kafka.codec.json.template import Template
from headrace.spec import ColumnType

_RUN = 4096
"""Records at once: what is worked on stays in the processor's second cache."""
_MOST_TEMPLATES = 8
_FEWEST = 128
"""Records below which another template does not pay."""

Places = npt.NDArray[np.int64]


@dataclass(slots=True)
class Matched:
    """The records of a run that templates have read, piece by piece.

    Attributes:
        rows: for each piece the places of its records in the run.
        columns: for each piece the columns by name; a name is missing where the template has no such key.
        dropped: unknown fields, with how many of the records had them.
    """

    rows: list[Places] = field(default_factory=list)
    columns: list[dict[str, Column]] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)

    def arrays(self, types: Mapping[str, ColumnType]) -> dict[str, ColumnArray]:
        """Return the pinned columns of all pieces, one after the other."""
        return {name: self._array(name, declared) for name, declared in types.items()}

    def _array(self, name: str, declared: ColumnType) -> ColumnArray:
        parts = [
            columns.get(name) or Column.nulls(len(rows), declared)
            for rows, columns in zip(self.rows, self.columns, strict=True)
        ]
        if declared == "str":
            return text_array(pa.concat_arrays([part.values for part in parts]))
        values = np.concatenate([part.values for part in parts])
        if declared == "object":
            return values
        return plain_array(values, np.concatenate([part.missing for part in parts]), declared)


class TemplateDecoder:
    """Reads records by templates, and learns these from the records.

    Args:
        types: the pinned type of each column.
    """

    def __init__(self, types: Mapping[str, ColumnType]) -> None:
        self._types = dict(types)
        self._templates: list[Template] = []

    def decode(self, values: Sequence[bytes | None]) -> tuple[Matched, Places]:
        """Read n records as far as templates do; return these and the places of the others, ascending."""
        matched = Matched()
        others: list[Places] = []
        everywhere = np.arange(len(values), dtype=np.int64)
        for first in range(0, len(values), _RUN):
            part = values[first : first + _RUN]
            rows = everywhere[first : first + _RUN]
            if None in part:
                there = np.fromiter((value is not None for value in part), np.bool_, len(part))
                others.append(rows[~there])
                rows = rows[there]
            others.append(self._decode_run([value for value in part if value is not None], rows, matched))
        return matched, np.sort(np.concatenate(others)) if others else everywhere

    def _decode_run(self, values: list[bytes], rows: Places, matched: Matched) -> Places:
        tried: set[Template] = set()
        while len(values) >= _FEWEST:
            template = next((known for known in self._templates if known not in tried), None)
            if template is None:
                template = Template.of(values[len(values) // 2], self._types)
                if template is None or template in tried or len(tried) >= _MOST_TEMPLATES:
                    break
            tried.add(template)
            left = self._read(template, values, rows, matched)
            self._remember(template, useful=len(values) - len(left) >= _FEWEST)
            values = [values[row] for row in left.tolist()] if len(left) < len(values) else values
            rows = rows[left]
        return rows

    def _read(self, template: Template, values: list[bytes], rows: Places, matched: Matched) -> Places:
        """Add to ``matched`` what ``template`` reads; return the places in ``values`` of the others."""
        slots = template.find(values)
        if len(slots.rows) == 0:
            return np.arange(len(values))
        columns, right = SlotReader(template, slots).read()
        taken = slots.rows
        if not right.all():
            taken = taken[right]
            columns = [column.take(right) for column in columns]
        matched.rows.append(rows[taken])
        by_name = dict(zip(template.names, columns, strict=True))
        matched.columns.append({name: column for name, column in by_name.items() if name in self._types})
        matched.dropped.update({name: len(taken) for name in template.names if name not in self._types and len(taken)})
        is_left = np.ones(len(values), np.bool_)
        is_left[taken] = False
        return np.flatnonzero(is_left)

    def _remember(self, template: Template, *, useful: bool) -> None:
        """Keep the templates that were of use, the last one first."""
        if template in self._templates:
            self._templates.remove(template)
        if useful:
            self._templates.insert(0, template)
            del self._templates[_MOST_TEMPLATES:]

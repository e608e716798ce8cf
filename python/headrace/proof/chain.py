"""A stream that reads what another one would write, before either of them runs as a service."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from pydantic import BaseModel

from headrace.engine.result import BatchResult
from headrace.kafka.inference import InferredTypes, infer_from_values
from headrace.kafka.partitioning import partition_of
from headrace.kafka.records import Records
from headrace.kafka.sampling import Sample, SamplePin
from headrace.kafka.scanning import ranges_of
from headrace.proof.fresh_process import run_fresh
from headrace.spec import StreamSpec

if TYPE_CHECKING:
    from headrace.engine.edges import Edges
    from headrace.kafka.clusters import Cluster


@dataclass(frozen=True, slots=True)
class Upstream:
    """What a stream gave on its sample.

    Attributes:
        stream: its name.
        records: its outputs to one of its topics, as that topic would hold them.
        partitions: how many that topic would have.
    """

    stream: str
    records: Records
    partitions: int

    def sample(self, cluster: Cluster) -> Sample:
        """Return the outputs as the sample of the stream that reads them."""
        records = self.records
        pin = SamplePin(
            cluster=cluster.name,
            topic=records.topic,
            text=f"the outputs of {self.stream}",
            ranges=ranges_of(records),
            taken=int(time.time() * 1000),
            ends={number: int(end) for number, _, end in ranges_of(records)},
        )
        return Sample(pin, records)

    def types(self) -> InferredTypes:
        """Return the column types that these records have together."""
        return infer_from_values(self.records.values)

    @property
    def note(self) -> str:
        """What a reader of the preview should know."""
        return (
            f"The topic `{self.records.topic}` is not there yet: its records are what `{self.stream}` gives on its "
            "sample."
        )


def outputs_to(topic: str, spec: StreamSpec, whole: BatchResult) -> Records:
    """Return what a run gave for one of its topics, in the order in which it was given.

    Partitions are those of the outputs' records and offsets all 0, until :func:`in_topic` says where they would stand.
    """
    sinks = np.zeros(len(whole.values), np.int64) if whole.sinks is None else whole.sinks
    chosen = np.flatnonzero(sinks == spec.sinks.index(topic))
    rows = chosen.tolist()
    return Records(
        topic=topic,
        keys=[whole.keys[row] for row in rows],
        values=[whole.values[row] for row in rows],
        partitions=np.maximum(whole.partitions[chosen], 0).astype(np.int32),
        offsets=np.zeros(len(rows), np.int64),
        timestamps=whole.timestamps[chosen],
        headers=[None] * len(rows) if whole.headers is None else [whole.headers[row] for row in rows],
    )


def in_topic(outputs: Records, partitions: int) -> Records:
    """Return outputs as a topic with so many partitions would hold them: by key, else where their records are."""
    places = zip(outputs.keys, outputs.partitions.tolist(), strict=True)
    own = [number % partitions if key is None else partition_of(key, partitions) for key, number in places]
    partition = pd.Series(own, dtype=np.int32)
    offsets = np.asarray(partition.groupby(partition).cumcount(), np.int64)
    return replace(outputs, partitions=partition.to_numpy(), offsets=offsets)


def outputs_in_fresh_process(
    folder: Path, topic: str, records: Records, sides: Mapping[str, Records], edges: Edges | None
) -> Records:
    """Return what a stream folder gives for a topic on a sample, run in a process of its own.

    Args:
        folder: the stream folder; a file of the outputs is left in it.
        topic: one of its sinks.
        records: the sample.
        sides: records of the side inputs by topic.
        edges: of the sample.

    Raises:
        HeadraceError: as :func:`headrace.proof.room.run_clean`.
    """
    made = _Outputs.model_validate(run_fresh(f"{__name__}:work", folder, records, sides, edges=edges))
    return Records.load(folder / made.files[topic])


class _Outputs(BaseModel):
    """The files of a stream's outputs by topic, in its folder."""

    files: dict[str, str]


def work(folder: Path, records: Records, sides: Mapping[str, Records], edges: Edges | None) -> _Outputs:
    """Do what the fresh process of :func:`outputs_in_fresh_process` does."""
    from headrace.proof.room import examine_folder  # noqa: PLC0415  who only starts the process need not load it

    found = examine_folder(folder, records, sides, edges)
    spec, files = found.stream.document.spec, {}
    for number, topic in enumerate(spec.sinks):
        files[topic] = f"outputs-{number}.arrow"
        outputs_to(topic, spec, found.whole).save(folder / files[topic])
    return _Outputs(files=files)

"""Samples kept on disk, so that an edited cell runs again on the same records."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import uuid
from typing import TYPE_CHECKING

from pydantic import BaseModel, ValidationError

from headrace.home import home
from headrace.kafka.records import Records
from headrace.kafka.sampling import Sample, SamplePin, take_sample

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from headrace.kafka.clusters import Cluster

_KEPT = 50


class _Entry(BaseModel):
    """What ``pin.json`` holds: a pin, and the file of its records beside it."""

    pin: SamplePin
    records: str


def pinned_sample(
    cluster: Cluster, topic: str, text: str, *, renew: bool = False, progress: Callable[[int], None] | None = None
) -> Sample:
    """Return the sample that was taken for these words before, or take one and keep it.

    The samples used last are kept, 50 of them, in Headrace's data folder, readable by their owner alone.

    Args:
        cluster: where.
        topic: the topic.
        text: which records, see :func:`headrace.kafka.sample_request.parse_sample`.
        renew: take a new sample in any case.
        progress: called with the number of records read so far.

    Raises:
        UsageError: ``text`` is not understood.
        MissingTopicError: there is no such topic.
        ClusterError: the cluster cannot be reached, or refuses.
    """

    def take() -> Sample:
        return take_sample(cluster, topic, text, progress=progress)

    return kept_sample(cluster, topic, text, take, renew=renew, keep_empty=False)


def kept_sample(
    cluster: Cluster,
    topic: str,
    words: str,
    take: Callable[[], Sample],
    *,
    renew: bool = False,
    keep_empty: bool = True,
) -> Sample:
    """Return the sample that was taken under these words before, or take one and keep it.

    Args:
        cluster: where.
        topic: the topic.
        words: what it is known by.
        take: reads it.
        renew: take a new one in any case.
        keep_empty: keep one without any record too.
    """
    folder = home("samples", _key(cluster, topic, words))
    kept = None if renew else _load(folder)
    if kept is not None:
        os.utime(folder)
        return kept
    sample = take()
    if not (keep_empty or len(sample.records)):
        return sample
    _save(folder, sample)
    _forget_oldest(folder.parent)
    return sample


def _key(cluster: Cluster, topic: str, text: str) -> str:
    words = json.dumps([cluster.name, cluster.address, topic, text.strip()])
    return hashlib.sha256(words.encode()).hexdigest()[:32]


def _load(folder: Path) -> Sample | None:
    try:
        entry = _Entry.model_validate_json((folder / "pin.json").read_bytes())
        return Sample(entry.pin, Records.load(folder / entry.records))
    except (OSError, ValidationError):
        return None


def _save(folder: Path, sample: Sample) -> None:
    """Write the records under a new name, then the pin that names them, then remove what no pin names."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    name = f"{uuid.uuid4().hex}.arrow"
    sample.records.save(folder / name)
    partial = folder / f"{name}.partial"
    partial.write_text(_Entry(pin=sample.pin, records=name).model_dump_json(), encoding="utf-8")
    partial.replace(folder / "pin.json")
    for other in folder.glob("*.arrow"):
        if other.name != name:
            other.unlink(missing_ok=True)


def _forget_oldest(samples: Path) -> None:
    by_use = sorted(samples.iterdir(), key=lambda folder: folder.stat().st_mtime, reverse=True)
    for folder in by_use[_KEPT:]:
        shutil.rmtree(folder, ignore_errors=True)

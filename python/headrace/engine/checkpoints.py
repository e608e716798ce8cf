"""Histories on this machine's disk, so that a restart need not read them from the log again."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import orjson

from headrace.engine.event_time import NEVER
from headrace.engine.history import Segment
from headrace.engine.needed import Needed, ReadRun
from headrace.spec import ColumnType

_VERSION = 1
_MANIFEST = "manifest.json"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A partition's history as of a committed offset.

    Attributes:
        offset: the committed offset.
        start: the offset the stream began at.
        released: rows up to this event time, microseconds, were taken, and are in the history unless they failed.
        newest: for each source partition the newest event time seen.
        runs: what was read of the partition, as far as it is still needed.
        segments: the history.
    """

    offset: int
    start: int
    released: int
    newest: dict[int, int]
    runs: list[ReadRun]
    segments: list[Segment]

    @property
    def resume(self) -> ReadRun:
        """Where to read on: at the first record that may have waited for its time, else at the committed offset."""
        waiting = Needed(list(self.runs)).lowest(self.released + 1) if self.released > NEVER else None
        waiting = waiting or (self.runs[0] if self.runs and self.released <= NEVER else None)
        return waiting or ReadRun(self.offset, self.newest, NEVER)


class Checkpoints:
    """Writes histories to a folder, beside the work, and finds them there after a restart.

    In ``checkpoint-P`` of the folder, for partition P, are the files of its history and ``manifest.json``, which
    replaces its predecessor in one step once all of them are on the disk. The log stays what is true: a checkpoint
    that is damaged, ahead of the commit, or of another declaration is not used.

    Args:
        folder: of this replica alone.
        declaration: digest of what the stream needs to see.
        types: the pinned dtypes.
    """

    def __init__(self, folder: Path, declaration: str, types: Mapping[str, ColumnType]) -> None:
        self._folder = folder
        self._declaration = declaration
        self._types = types
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="headrace-checkpoint")
        self._writing: dict[int, Future[None]] = {}

    def keep(self, partition: int, checkpoint: Checkpoint) -> None:
        """Write a checkpoint in place of the last one; not while one of this partition is being written."""
        writing = self._writing.get(partition)
        if writing is None or writing.done():
            self._writing[partition] = self._writer.submit(self._write, partition, checkpoint)

    def find(self, partition: int, committed: int, start: int) -> Checkpoint | None:
        """Return the checkpoint of a partition that the commit is not behind, or ``None``."""
        writing = self._writing.get(partition)
        if writing is not None:
            writing.result()
        place = self._place(partition)
        try:
            content = orjson.loads((place / _MANIFEST).read_bytes())
            if content["version"] != _VERSION or content["declaration"] != self._declaration:
                return None
            if content["types"] != dict(self._types) or content["start"] != start or content["offset"] > committed:
                return None
            return Checkpoint(
                offset=int(content["offset"]),
                start=start,
                released=int(content["released"]),
                newest=_by_number(content["newest"]),
                runs=[ReadRun(int(first), _by_number(known), int(latest)) for first, known, latest in content["runs"]],
                segments=[Segment.load(place / name, self._types) for name in content["segments"]],
            )
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            logger.warning("the local copy of the history cannot be used", extra={"reason": str(error)})
            return None

    def close(self) -> None:
        """Wait for what is being written."""
        self._writer.shutdown()

    def _place(self, partition: int) -> Path:
        return self._folder / f"checkpoint-{partition}"

    def _write(self, partition: int, checkpoint: Checkpoint) -> None:
        place = self._place(partition)
        try:
            place.mkdir(parents=True, exist_ok=True, mode=0o700)
            names = [self._linked(segment, place) for segment in checkpoint.segments]
            content = {
                "version": _VERSION,
                "declaration": self._declaration,
                "types": dict(self._types),
                "offset": checkpoint.offset,
                "start": checkpoint.start,
                "released": checkpoint.released,
                "newest": _by_text(checkpoint.newest),
                "runs": [[run.first, _by_text(run.newest), run.latest] for run in checkpoint.runs],
                "segments": names,
            }
            draft = place / f"{_MANIFEST}.draft"
            draft.write_bytes(orjson.dumps(content))
            _to_disk(draft)
            draft.replace(place / _MANIFEST)
            _to_disk(place)
        except OSError as error:
            logger.warning("no local copy of the history was written", extra={"reason": str(error)})
            return
        for path in place.glob("*.arrow"):
            if path.name not in names:
                path.unlink(missing_ok=True)

    def _linked(self, segment: Segment, place: Path) -> str:
        path = segment.save(self._folder)
        if path.parent != place:
            with contextlib.suppress(FileExistsError):
                os.link(path, place / path.name)
                _to_disk(place / path.name)
        return path.name


def _by_text(times: Mapping[int, int]) -> dict[str, int]:
    return {str(number): time for number, time in times.items()}


def _by_number(times: Mapping[str, int]) -> dict[int, int]:
    return {int(number): int(time) for number, time in times.items()}


def _to_disk(path: Path) -> None:
    """Wait until a file or a folder's entries are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

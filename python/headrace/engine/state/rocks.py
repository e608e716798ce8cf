"""States in RocksDB."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rocksdict import Rdict

_MEMTABLE_BYTES = 32 * 1024 * 1024
_CACHE_BYTES = 64 * 1024 * 1024

logger = logging.getLogger(__name__)


class RocksStore:
    """Keeps everything in a RocksDB database; see :class:`~headrace.engine.state.store.Store`.

    What is written survives the process. A database that cannot be opened is removed: the changelog has all of it.

    Args:
        folder: of this replica alone.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder = folder / "rocksdb"
        try:
            self._values = _open(self._folder)
        except Exception as error:
            if "lock" in str(error).lower():
                raise
            logger.warning("the local states cannot be opened, they are restored", extra={"reason": str(error)})
            shutil.rmtree(self._folder, ignore_errors=True)
            self._values = _open(self._folder)

    def get(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """See :class:`~headrace.engine.state.store.Store`."""
        found: list[bytes | None] = self._values.get(list(keys)) or [] if keys else []
        return found

    def write(self, changes: Mapping[bytes, bytes | None]) -> None:
        """See :class:`~headrace.engine.state.store.Store`."""
        from rocksdict import WriteBatch  # noqa: PLC0415  only streams with states need it

        batch = WriteBatch(raw_mode=True)
        for key, value in changes.items():
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
        self._values.write(batch)

    def scan(self, prefix: bytes, start: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """See :class:`~headrace.engine.state.store.Store`."""
        for key, value in self._values.items(from_key=max(prefix, start)):
            if not isinstance(key, bytes) or not key.startswith(prefix):
                return
            yield key, bytes(value)

    def size(self) -> tuple[int, int]:
        """See :class:`~headrace.engine.state.store.Store`."""
        count = self._values.property_int_value("rocksdb.estimate-num-keys")
        size = self._values.property_int_value("rocksdb.estimate-live-data-size")
        memory = self._values.property_int_value("rocksdb.cur-size-all-mem-tables")
        return count or 0, (size or 0) + (memory or 0)

    def close(self) -> None:
        """See :class:`~headrace.engine.state.store.Store`."""
        self._values.close()


def _open(folder: Path) -> Rdict:
    from rocksdict import BlockBasedOptions, Cache, Options, Rdict  # noqa: PLC0415  only streams with states need it

    options = Options(raw_mode=True)
    options.create_if_missing(True)  # noqa: FBT003  its only form
    options.set_write_buffer_size(_MEMTABLE_BYTES)
    blocks = BlockBasedOptions()
    blocks.set_block_cache(Cache(_CACHE_BYTES))
    blocks.set_bloom_filter(10, block_based=False)
    options.set_block_based_table_factory(blocks)
    return Rdict(str(folder), options)

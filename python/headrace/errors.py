"""Every error Headrace raises on purpose, as one tree.

::

    HeadraceError
    ├── UsageError              wrong words: an option, a value, a combination (exit status 2)
    ├── RefusedError            right words, but Headrace will not do it (exit status 1)
    │   ├── UnsafeSettingError  a cluster setting outside the allow-list
    │   ├── SecretError         a secret that is a value, or whose reference leads nowhere
    │   ├── UnknownNameError    a cell uses a name that no cell defines
    │   └── DirtyFolderError    a stream folder with uncommitted changes
    ├── MissingError            something named does not exist
    │   ├── MissingTopicError
    │   ├── MissingClusterError
    │   ├── MissingStreamError
    │   └── MissingServiceError
    ├── ClusterError            the cluster cannot be reached, or says no
    │   ├── BrokerError         the local broker does not start, stop or answer
    │   └── ExpiredOffsetError  a committed offset that retention has deleted
    ├── RecordError             one record does not fit (it becomes a dead letter)
    │   ├── DecodeError         bytes that are not what the format says
    │   └── TypeMismatchError   a value that does not fit the column's pinned type
    ├── CellError               the stream's function raised, or returned what it must not
    ├── ProofError              what ran in the clean room is not what the preview showed
    └── ToolError               a tool we start (git, supervisor, java) failed

Each message says what was wrong, with which value, and what to do about it. ``hint`` holds the last
part on its own where a caller wants to show it apart.
"""

from __future__ import annotations


class HeadraceError(Exception):
    """Base of all errors that Headrace raises on purpose.

    Args:
        message: what was wrong, with the value at fault.
        hint: what to do about it, one sentence, or an empty string.
    """

    exit_status = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class UsageError(HeadraceError):
    """Wrong words: an unknown option, a value that does not parse, options that exclude each other."""

    exit_status = 2


class RefusedError(HeadraceError):
    """The request is understood and refused, with the reason."""


class UnsafeSettingError(RefusedError):
    """A cluster setting outside the allow-list; raised before any Kafka client exists."""


class SecretError(RefusedError):
    """A secret written as a value, or a reference (``env:``, ``file:``, ``keyring:``) that cannot be read."""


class UnknownNameError(RefusedError):
    """A cell uses a name that no cell of the notebook defines."""


class DirtyFolderError(RefusedError):
    """A stream folder has changes that no commit holds."""


class MissingError(HeadraceError):
    """Something that was named does not exist."""


class MissingTopicError(MissingError):
    """A topic does not exist on the cluster (or may not be seen)."""


class MissingClusterError(MissingError):
    """No cluster was named, or none has that name."""


class MissingStreamError(MissingError):
    """No stream of that name in the notebook or folder."""


class MissingServiceError(MissingError):
    """No service of that name."""


class ClusterError(HeadraceError):
    """The cluster cannot be reached or refuses the operation."""


class BrokerError(ClusterError):
    """The local broker does not start, stop or answer."""


class ExpiredOffsetError(ClusterError):
    """The committed offset is no longer in the log; going on would skip records."""


class RecordError(HeadraceError):
    """One record does not fit; it becomes a dead letter and the others go on."""


class DecodeError(RecordError):
    """Bytes that are not what the stream's format says."""


class TypeMismatchError(RecordError):
    """A value that does not fit the pinned type of its column."""


class CellError(HeadraceError):
    """The stream's function raised or returned something that is not a frame of rows."""


class ProofError(HeadraceError):
    """The clean room's output is not the preview's."""


class ToolError(HeadraceError):
    """A program that Headrace starts (git, supervisor, java) failed."""

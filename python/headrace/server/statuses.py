"""Which HTTP status an error of Headrace is; the only place that says so."""

from __future__ import annotations

from headrace.errors import (
    CellError,
    ClusterError,
    HeadraceError,
    MissingError,
    ProofError,
    RecordError,
    RefusedError,
    SecretError,
    ToolError,
    UnsafeSettingError,
    UsageError,
)

_STATUSES: tuple[tuple[type[HeadraceError], int], ...] = (
    (UsageError, 400),
    (UnsafeSettingError, 400),
    (SecretError, 400),
    (RefusedError, 409),
    (ProofError, 409),
    (CellError, 409),
    (RecordError, 409),
    (MissingError, 404),
    (ClusterError, 502),
    (ToolError, 502),
)


def status_of(error: HeadraceError) -> int:
    """Return the HTTP status of ``error``: 400 wrong words, 404 missing, 409 refused, 502 somebody else failed."""
    return next((status for kind, status in _STATUSES if isinstance(error, kind)), 500)

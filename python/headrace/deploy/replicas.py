"""What a running replica says about itself: its status file and ``/status`` on loopback."""

from __future__ import annotations

import http.client
from pathlib import Path

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError

from headrace.deploy.target import Replica

_SECONDS = 2.0


class StatusFile(BaseModel):
    """``replica-N.json``, which a replica writes when its port is open, and again when it stops."""

    model_config = ConfigDict(extra="ignore")

    pid: int
    error: str | None = None
    port: int | None = None


class ReplicaStatus(BaseModel):
    """What a replica answers at ``/status``; rates in records a second, times in milliseconds."""

    model_config = ConfigDict(extra="ignore")

    state: str
    in_per_s: float = 0.0
    out_per_s: float = 0.0
    lag: int | None = None
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    batch_records: float | None = None
    transaction_ms: float | None = None
    watermark_delay_s: float | None = None
    remembered_rows: int = 0
    remembered_bytes: int = 0


def ask(folder: Path, replica: Replica) -> ReplicaStatus | None:
    """Return what ``replica`` says about itself, or None when it does not answer.

    Args:
        folder: where its status file is.
        replica: the process as its target sees it; a status file of any other process counts for nothing.
    """
    file = _read(folder, replica)
    if file is None or file.pid != replica.pid or file.port is None:
        return None
    try:
        return ReplicaStatus.model_validate(_get(file.port, "/status"))
    except (OSError, http.client.HTTPException, orjson.JSONDecodeError, ValidationError):
        return None


def reason(folder: Path, replica: Replica) -> str:
    """Return why ``replica`` last stopped by itself, or an empty text."""
    file = _read(folder, replica)
    return file.error or "" if file else ""


def _read(folder: Path, replica: Replica) -> StatusFile | None:
    try:
        return StatusFile.model_validate_json((folder / f"replica-{replica.number}.json").read_bytes())
    except (OSError, ValidationError):
        return None


def _get(port: int, path: str) -> object:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_SECONDS)
    try:
        connection.request("GET", path)
        return orjson.loads(connection.getresponse().read())
    finally:
        connection.close()

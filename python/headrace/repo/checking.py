"""``headrace check``: a notebook's streams, each cut out, run in the clean room and checked."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from headrace.errors import HeadraceError
from headrace.repo.build import Built, build
from headrace.repo.notebook import find_stream, read_streams


def check_notebook(notebook: Path, stream: str | None = None, *, cluster: str | None = None) -> list[dict[str, Any]]:
    """Check a notebook's streams and return for each what ``headrace check --json`` prints.

    Args:
        notebook: the notebook's file.
        stream: only this one; its errors are raised. Without it all are checked, and a stream that cannot be checked
            has ``equal`` null, ``refused`` true and the error as its reason. ``all_failed`` says that every record of
            the sample failed.
        cluster: in place of the cells' and the project's.

    Raises:
        HeadraceError: the notebook cannot be read; with ``stream``, whatever :func:`headrace.repo.build.build` raises.
    """
    if stream is not None:
        find_stream(notebook, stream)
        return [_check(notebook, stream, cluster)]
    found = []
    for each in read_streams(notebook):
        try:
            if each.error is not None:
                raise each.error
            found.append(_check(notebook, each.name, cluster))
        except HeadraceError as error:
            found.append(_refused(each.name, str(error)))
    return found


def _check(notebook: Path, stream: str, cluster: str | None) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="headrace-check-") as parent:
        folder = Path(parent) / stream
        folder.mkdir()
        return _contract(build(notebook, stream, folder, cluster=cluster, tests=False))


def _contract(built: Built) -> dict[str, Any]:
    verdict = built.clean.verdict
    difference = verdict.difference
    return {
        "stream": built.cut.spec.name,
        "rows_in": verdict.rows_in,
        "rows_out": verdict.rows_out,
        "filtered": verdict.filtered,
        "failed": verdict.failed,
        "all_failed": built.clean.all_failed,
        "equal": verdict.equal,
        "difference": None if difference is None else difference.model_dump(mode="json"),
        "suggestion": verdict.suggestion,
        "rewrite": verdict.rewrite,
        "reason": f"{built.all_failed}." if built.all_failed else verdict.reason,
        "sample": built.sample.pin.offsets,
        "messages": list(verdict.messages),
        "refused": False,
    }


def _refused(stream: str, reason: str) -> dict[str, Any]:
    counts = dict.fromkeys(
        ("rows_in", "rows_out", "filtered", "failed", "equal", "difference", "suggestion", "rewrite")
    )
    facts: dict[str, Any] = {"reason": reason, "sample": None, "messages": [], "refused": True, "all_failed": False}
    return {"stream": stream, **counts, **facts}

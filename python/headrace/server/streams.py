"""The streams of a notebook and how far each has come. Reads and compares; runs nothing of the notebook."""

from __future__ import annotations

import tempfile
from pathlib import Path

from headrace.errors import HeadraceError, RefusedError
from headrace.proof import previews
from headrace.proof.body import body_digest
from headrace.proof.preview_model import Preview
from headrace.repo.folder import STREAMS_FOLDER
from headrace.repo.git import Repository
from headrace.repo.notebook import NotebookStream, read_streams
from headrace.repo.slicing import Slice, slice_stream
from headrace.server.models import NotebookStreamStatus, StreamList, StreamState, StreamVerdict
from headrace.spec import DOCUMENT_NAME, StreamSpec, read_document


def list_streams(notebook: Path) -> StreamList:
    """Return the streams of ``notebook`` in the order of the page.

    Raises:
        MissingError: there is no such file.
        UsageError: the file is not a notebook.
    """
    repository = _repository(notebook)
    return StreamList(streams=tuple(_status(notebook, stream, repository) for stream in read_streams(notebook)))


def stream_folder(notebook: Path, stream: str) -> Path:
    """Return where the stream folder of a notebook's stream is, or would be.

    Raises:
        RefusedError: the notebook lies in no repository.
    """
    return Repository.around(notebook.parent).root / STREAMS_FOLDER / stream


def _repository(notebook: Path) -> Repository | None:
    try:
        return Repository.around(notebook.parent)
    except RefusedError:
        return None


def _status(notebook: Path, stream: NotebookStream, repository: Repository | None) -> NotebookStreamStatus:
    spec = stream.spec
    if spec is None:
        return NotebookStreamStatus(
            name=stream.name, source=None, sink=None, cell_id=stream.cell_id, error=str(stream.error)
        )
    preview = previews.latest(notebook, spec.name)
    cut, error = _cut(notebook, spec.name)
    commit = repository.last_commit(f"{STREAMS_FOLDER}/{spec.name}") if repository else None
    state: StreamState
    if preview is None:
        state = "not previewed"
    elif preview.body_digest != body_digest(spec, stream.body):
        state = "changed since preview"
    else:
        state = "uncommitted"
    if repository and commit and cut and _is_committed(repository, cut):
        state = "committed"
    return NotebookStreamStatus(
        name=spec.name,
        source=spec.source,
        sink=spec.sink,
        cell_id=stream.cell_id,
        verdict=_verdict(preview) if preview else None,
        rows_in=preview.rows_in if preview else None,
        rows_out=preview.rows_out if preview else None,
        failed=preview.failed if preview else None,
        preview_id=preview.id if preview else None,
        state=state,
        commit=commit,
        error=error,
    )


def _verdict(preview: Preview) -> StreamVerdict:
    found = preview.verdict
    return StreamVerdict(equal=found.equal, reason=found.reason, suggestion=found.suggestion)


def _cut(notebook: Path, name: str) -> tuple[Slice | None, str | None]:
    try:
        return slice_stream(notebook, name), None
    except HeadraceError as error:
        return None, str(error)


def _is_committed(repository: Repository, cut: Slice) -> bool:
    """Whether HEAD holds just what a commit of the notebook as it stands would write."""
    folder = f"{STREAMS_FOLDER}/{cut.spec.name}"
    if repository.committed(f"{folder}/transform.py") != cut.module_source.encode():
        return False
    return _committed_spec(repository.committed(f"{folder}/{DOCUMENT_NAME}")) == cut.spec


def _committed_spec(document: bytes | None) -> StreamSpec | None:
    with tempfile.TemporaryDirectory(prefix="headrace-") as folder:
        (Path(folder) / DOCUMENT_NAME).write_bytes(document or b"")
        try:
            return read_document(Path(folder)).spec
        except HeadraceError:
            return None

"""Commit a notebook's stream: extracted, proved in the clean room, and nothing else of the repository touched."""

from __future__ import annotations

import tempfile
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from headrace.errors import RefusedError
from headrace.repo.build import Built, build
from headrace.repo.folder import STREAMS_FOLDER, folder_files
from headrace.repo.git import Repository
from headrace.repo.message import draft_message
from headrace.repo.project import project_files
from headrace.repo.type_changes import type_changes
from headrace.spec import DOCUMENT_NAME, parse_document


class CommitResult(BaseModel):
    """What a commit did, or would do.

    Attributes:
        commit: its SHA; ``None`` on a dry run; where nothing has changed, the commit that holds the stream already.
        branch: the branch it is on.
        files: what it changes, paths from the repository's root; none where nothing has changed.
        message: its message.
        warnings: what else is worth knowing, a sentence each: columns whose type is not that of the last commit.
    """

    model_config = ConfigDict(frozen=True)

    commit: str | None
    branch: str
    files: tuple[str, ...]
    message: str
    warnings: tuple[str, ...]


def commit(
    notebook: Path,
    stream: str,
    *,
    message: str | None = None,
    dry_run: bool = False,
    repository: Path | None = None,
    cluster: str | None = None,
) -> CommitResult:
    """Commit a notebook's stream as ``streams/NAME`` on the current branch.

    Args:
        notebook: the notebook's file.
        stream: the stream's name.
        message: in place of the drafted one.
        dry_run: do everything but commit.
        repository: a folder in the repository to commit to; the notebook's own folder when left out.
        cluster: in place of the cell's and the project's.

    Raises:
        RefusedError: the stream cannot be cut out of the notebook (among them UnknownNameError), differs between
            batch and stream, fails on every record of its sample, or the repository is not in a state to commit to;
            DirtyFolderError where uncommitted changes in the stream's folder would be lost.
        ProofError: the clean room's output is not the preview's.
        HeadraceError: see :func:`headrace.repo.build.build`.
    """
    place = Repository.around((repository or notebook.absolute().parent).absolute())
    branch = place.branch()
    if not dry_run:
        place.require_identity()
    with tempfile.TemporaryDirectory(prefix="headrace-commit-") as parent:
        folder = Path(parent) / stream
        folder.mkdir()
        built = build(notebook, stream, folder, cluster=cluster)
        built.require_preview()
        _require_not_different(built)
        _require_some_that_pass(built)
        files = folder_files(folder, stream) | project_files(place, built.cluster)
    place.require_clean(files)
    changed = tuple(path for path, content in files.items() if place.committed(path) != content)
    text = message.strip() + "\n" if message and message.strip() else draft_message(built.document)
    if not changed:
        holder = place.last_commit(f"{STREAMS_FOLDER}/{stream}")
        said = place.subject(holder) if holder else text.strip()
        return CommitResult(commit=holder, branch=branch, files=(), message=said, warnings=())
    warnings = _warnings(place, built)
    made = None if dry_run else place.commit_files({path: files[path] for path in changed}, text)
    return CommitResult(commit=made, branch=branch, files=changed, message=text.strip(), warnings=warnings)


def _warnings(place: Repository, built: Built) -> tuple[str, ...]:
    """Say what the last commit had otherwise though the cell may say the same."""
    path = f"{STREAMS_FOLDER}/{built.cut.spec.name}/{DOCUMENT_NAME}"
    content = place.committed(path)
    try:
        before = parse_document(content.decode("utf-8", "replace"), path) if content is not None else None
    except RefusedError:  # it is about to be replaced by one that can be read
        return ()
    return tuple(type_changes(before, built.document, built.inferred)) if before is not None else ()


def _require_not_different(built: Built) -> None:
    verdict = built.clean.verdict
    if verdict.equal is not False:
        return
    where = f" ({verdict.difference})" if verdict.difference else ""
    message = (
        f"`{built.cut.spec.name}` gives another result on a stream than on the whole sample: {verdict.reason}{where}"
    )
    hint = "Change the cell so that each row depends on itself alone, and preview it again."
    if verdict.suggestion is not None:
        hint = f"Declare {verdict.suggestion}, and preview it again."
    raise RefusedError(message, hint=hint)


def _require_some_that_pass(built: Built) -> None:
    if built.all_failed:
        raise RefusedError(f"{built.all_failed}.", hint="Mend the cell, or take a sample in which some pass.")

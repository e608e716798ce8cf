"""A stream folder as a commit holds it, written out for a service to run."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from uuid import uuid4

from headrace.deploy.deployments import release_folder
from headrace.deploy.identity import RepositoryIdentity, identify
from headrace.deploy.repository import CommittedFile, Repository
from headrace.errors import DirtyFolderError, MissingStreamError, RefusedError
from headrace.home import home
from headrace.kafka.clusters import PROJECT_FILE
from headrace.spec import DOCUMENT_NAME, StreamDocument, read_document


@dataclass(frozen=True, slots=True)
class Release:
    """A stream folder of one commit, outside any working tree.

    Attributes:
        commit: full SHA.
        folder: the exported stream folder; the commit's ``headrace.toml`` lies above it.
        document: its ``stream.yaml``.
        repository: where it comes from.
    """

    commit: str
    folder: Path
    document: StreamDocument
    repository: RepositoryIdentity


def export(folder: Path, commit: str | None = None) -> Release:
    """Write the stream folder ``folder`` as it is in a commit to ``services/NAME/releases/SHA`` of the data folder.

    Args:
        folder: a stream folder in a Git repository; only its committed content counts.
        commit: which commit; HEAD when None, and then the folder must have no uncommitted changes.

    Raises:
        DirtyFolderError: no commit was named and the folder has uncommitted changes.
        MissingStreamError: the commit has no such stream folder.
        RefusedError: no repository, no such commit, or a link among the files.
        RefusedError: its ``stream.yaml`` cannot be read.
    """
    repository = Repository.around(folder)
    path = repository.within(folder)
    sha = repository.commit(commit)
    if commit is None:
        _refuse_changes(repository, path)
    files = repository.files(sha, path, *(parent / PROJECT_FILE for parent in path.parents))
    if path / DOCUMENT_NAME not in {file.path for file in files}:
        message = f"Commit {sha[:10]} has no stream folder `{path}`."
        raise MissingStreamError(message, hint="Commit it with `headrace commit NOTEBOOK STREAM`.")
    identity = identify(repository, sha)
    draft = home("exports") / uuid4().hex
    try:
        _write(files, draft)
        try:
            document = read_document(draft / path)
        except RefusedError as error:
            message = error.message.replace(f"{draft}/", "")
            raise RefusedError(f"Commit {sha[:10]}: {message}", hint="Mend the file and commit it.") from None
        release = release_folder(document.spec.name, sha)
        release.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _settle(files, draft, release)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return Release(sha, release / path, document, identity)


def _refuse_changes(repository: Repository, path: PurePosixPath) -> None:
    changed = repository.uncommitted(path)
    if changed:
        more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""  # noqa: PLR2004 (how many are named)
        listed = ", ".join(f"`{name}`" for name in changed[:3])
        message = f"`{path}` has uncommitted changes: {listed}{more}."
        raise DirtyFolderError(message, hint="Commit them, or name the commit to deploy with --commit SHA.")


def _write(files: Sequence[CommittedFile], top: Path) -> None:
    top.mkdir(mode=0o700)
    for file in files:
        place = top.joinpath(*file.path.parts)
        if not place.resolve().is_relative_to(top.resolve()):
            message = f"`{file.path}` would be written outside the release."
            raise RefusedError(message)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(file.content)
        place.chmod(file.mode)


def _settle(files: Sequence[CommittedFile], draft: Path, release: Path) -> None:
    """Move ``draft`` to ``release``; one that is there and holds the same stays, since a replica may run from it."""
    if release.is_dir():
        places = [release.joinpath(*file.path.parts) for file in files]
        if all(
            place.is_file() and place.read_bytes() == file.content for place, file in zip(places, files, strict=True)
        ):
            return
        shutil.rmtree(release)
    draft.rename(release)

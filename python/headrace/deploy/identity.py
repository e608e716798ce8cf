"""Which repository a deployment comes from, so that a service's name has one owner."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict

from headrace.deploy.repository import Repository

_SCP_FORM = re.compile(r"(?:[^@/]+@)?([^:/]+):(?!//)(.+)")


class RepositoryIdentity(BaseModel):
    """What tells one repository from another, without its path or any credentials.

    Attributes:
        root: SHA of the oldest commit; empty in a shallow clone.
        place: digest of the folder it lies in; work trees of one repository share it.
        remote: ``host/path`` of the remote ``origin``, a digest when that is a folder, empty without one.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    root: str
    place: str
    remote: str

    def same_as(self, other: RepositoryIdentity) -> bool:
        """Whether both are one repository: one oldest commit, and one folder, one remote or clone and origin."""
        if self.root and other.root and self.root != other.root:
            return False
        return bool(({self.place, self.remote} & {other.place, other.remote}) - {""})


def identify(repository: Repository, commit: str) -> RepositoryIdentity:
    """Return the identity of ``repository`` as seen from ``commit``."""
    shallow = repository.answer("rev-parse", "--is-shallow-repository") == "true"
    roots = repository.answer("rev-list", "--max-parents=0", "--end-of-options", commit).split()
    common = Path(repository.answer("rev-parse", "--git-common-dir"))
    return RepositoryIdentity(
        root="" if shallow or not roots else roots[-1],
        place=_place(repository.root / common),
        remote=_remote(repository.answer("remote", "get-url", "origin"), repository.root),
    )


def _place(folder: Path) -> str:
    resolved = folder.resolve()
    lies_in = resolved.parent if resolved.name == ".git" else resolved
    return hashlib.sha256(str(lies_in).encode()).hexdigest()


def _remote(url: str, root: Path) -> str:
    if not url:
        return ""
    parts = urlsplit(url)
    if parts.scheme == "file":
        return _place(Path(parts.path))
    if parts.scheme and parts.hostname:
        return f"{parts.hostname}/{_bare(parts.path)}"
    scp = _SCP_FORM.fullmatch(url)
    if scp:
        return f"{scp[1].lower()}/{_bare(scp[2])}"
    return _place(root / url)


def _bare(path: str) -> str:
    return path.strip("/").removesuffix(".git")

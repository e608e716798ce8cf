"""The Git repository a stream folder lies in, read by plumbing: never its working tree, hooks or filters."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from headrace.errors import RefusedError, ToolError, UsageError

_SAFE = ("-c", "protocol.ext.allow=never", "-c", "core.fsmonitor=false", "-c", f"core.hooksPath={os.devnull}")
_REDIRECTIONS = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR")
_PLAIN_FILES = {"100644": 0o644, "100755": 0o755}
_BY_PRODUCTS = {"__pycache__", ".pytest_cache", ".ruff_cache", ".mypy_cache"}


@dataclass(frozen=True, slots=True)
class CommittedFile:
    """One file of a commit.

    Attributes:
        path: where it lies in the repository.
        mode: 0o644, or 0o755 when it may be run.
        content: its bytes as committed, without any filter.
    """

    path: PurePosixPath
    mode: int
    content: bytes


@dataclass(frozen=True, slots=True)
class Repository:
    """A Git repository with a working tree.

    Attributes:
        root: the top folder of its working tree, resolved.
    """

    root: Path

    @classmethod
    def around(cls, folder: Path) -> Repository:
        """Return the repository that ``folder`` lies in; the folder itself may exist in commits alone.

        Raises:
            RefusedError: it lies in none.
            ToolError: git cannot be started.
        """
        wanted = folder.absolute()
        existing = next(parent for parent in (wanted, *wanted.parents) if parent.is_dir())
        found = _git(existing, "rev-parse", "--show-toplevel")
        if found.returncode:
            message = f"`{folder}` lies in no Git repository, and a service runs committed code alone."
            raise RefusedError(message, hint="Commit the stream with `headrace commit NOTEBOOK STREAM`.")
        return cls(Path(os.fsdecode(found.stdout).removesuffix("\n")).resolve())

    def within(self, folder: Path) -> PurePosixPath:
        """Return the path of ``folder`` from the repository's root.

        Raises:
            UsageError: it lies outside.
        """
        try:
            return PurePosixPath(folder.resolve().relative_to(self.root).as_posix())
        except ValueError:
            message = f"`{folder}` lies outside the repository {self.root}."
            raise UsageError(message, hint="Name a stream folder without links out of the repository.") from None

    def commit(self, revision: str | None = None) -> str:
        """Return the full SHA of ``revision`` (HEAD by default).

        Raises:
            RefusedError: there is no such commit.
        """
        asked = f"{revision or 'HEAD'}^{{commit}}"
        found = _git(self.root, "rev-parse", "--verify", "--quiet", "--end-of-options", asked)
        if found.returncode:
            what = f"`{revision}` names no commit" if revision else "There is no commit yet"
            message = f"{what} in {self.root}."
            raise RefusedError(message, hint="`git log --oneline` lists the commits.")
        return found.stdout.decode().strip()

    def uncommitted(self, folder: PurePosixPath) -> list[str]:
        """Return the paths below ``folder`` that differ from HEAD, new ones included; none when it is clean."""
        arguments = ("status", "--porcelain=v1", "-z", "--no-renames", "--untracked-files=all", "--", f":(top){folder}")
        entries = os.fsdecode(self.output(*arguments)).split("\0")
        paths = [entry[3:] for entry in entries if entry]
        return [path for path in paths if not _BY_PRODUCTS & set(PurePosixPath(path).parts)]

    def files(self, commit: str, *paths: PurePosixPath) -> list[CommittedFile]:
        """Return the files of ``commit`` at or below ``paths``.

        Raises:
            RefusedError: one of them is a link or a submodule, which would lead out of the commit.
        """
        wanted = [path.as_posix() for path in paths]
        listing = self.output("--literal-pathspecs", "ls-tree", "-r", "-z", "--full-tree", commit, "--", *wanted)
        found = []
        for entry in filter(None, listing.split(b"\0")):
            facts, _, name = entry.partition(b"\t")
            mode, _, blob = facts.decode().split(" ", 2)
            path = PurePosixPath(os.fsdecode(name))
            if mode not in _PLAIN_FILES:
                kind = "a submodule" if mode == "160000" else "a symbolic link"
                message = f"`{path}` is {kind} in commit {commit[:10]}; a service's code is plain files alone."
                raise RefusedError(message, hint="Replace it by the files themselves and commit.")
            found.append(CommittedFile(path, _PLAIN_FILES[mode], self.output("cat-file", "blob", blob)))
        return found

    def output(self, *arguments: str) -> bytes:
        """Return what ``git ARGUMENTS`` prints.

        Raises:
            ToolError: it failed.
        """
        result = _git(self.root, *arguments)
        if result.returncode:
            message = f"`git {' '.join(arguments[:2])}` failed: {result.stderr.decode(errors='replace').strip()}"
            raise ToolError(message)
        return result.stdout

    def answer(self, *arguments: str) -> str:
        """Return what ``git ARGUMENTS`` prints without the line's end, or nothing when it fails."""
        result = _git(self.root, *arguments)
        return "" if result.returncode else os.fsdecode(result.stdout).strip()


def _git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    environment = {name: value for name, value in os.environ.items() if name not in _REDIRECTIONS}
    environment |= {"GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
    try:
        return subprocess.run(
            ["git", *_SAFE, "-C", str(folder), *arguments],
            capture_output=True,
            check=False,
            env=environment,
            stdin=subprocess.DEVNULL,
        )
    except OSError as error:
        message = f"git cannot be started: {error.strerror}."
        raise ToolError(message, hint="Install git.") from error

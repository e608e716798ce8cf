"""Commit files through Git's plumbing on an index of our own: nothing else of the user's is touched, no hook runs."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from headrace.errors import DirtyFolderError, RefusedError, ToolError

_SAFE = (
    *("-c", f"core.hooksPath={os.devnull}"),
    *("-c", "core.fsmonitor=false"),
    *("-c", "protocol.ext.allow=never"),
    *("-c", "user.useConfigOnly=true"),
    "--literal-pathspecs",
)
_ATTEMPTS = 20
_PAUSE = 0.05
_NO_COMMIT = "0" * 40
_IN_PROGRESS = {
    "MERGE_HEAD": "merge",
    "CHERRY_PICK_HEAD": "cherry-pick",
    "REVERT_HEAD": "revert",
    "rebase-merge": "rebase",
    "rebase-apply": "rebase",
}


@dataclass(frozen=True, slots=True)
class Repository:
    """A Git repository with a working tree.

    Attributes:
        root: the top folder of the working tree.
        git_folder: where Git keeps the repository's (or the worktree's) own files.
    """

    root: Path
    git_folder: Path

    @classmethod
    def around(cls, folder: Path) -> Repository:
        """Return the repository that a folder lies in.

        Raises:
            RefusedError: it lies in none, or in one without a working tree.
            ToolError: Git is not installed, or refuses the repository.
        """
        status, found, said = _run(folder, ["rev-parse", "--show-toplevel", "--absolute-git-dir"])
        if status:
            if "not a git repository" in said:
                message = f"`{folder}` is in no Git repository."
                raise RefusedError(message, hint=f"Make one: git init '{folder}'")
            if "work tree" in said:
                message = f"`{folder}` is in a bare Git repository, which has no files to work on."
                raise RefusedError(message, hint="Clone it, and commit from the clone.")
            message = f"Git does not read the repository of `{folder}`: {said}"
            raise ToolError(message)
        root, git_folder = (Path(os.fsdecode(line)) for line in found.rstrip(b"\n").split(b"\n"))
        return cls(root, git_folder)

    def branch(self) -> str:
        """Return the branch that is checked out, born or not.

        Raises:
            RefusedError: no branch is checked out, or a merge, rebase or the like is not finished.
        """
        for name, what in _IN_PROGRESS.items():
            if (self.git_folder / name).exists():
                message = f"A {what} is not finished in `{self.root}`."
                raise RefusedError(message, hint=f"End it first: git {what} --continue, or git {what} --abort.")
        status, found, _ = self._try("symbolic-ref", "--quiet", "HEAD")
        reference = os.fsdecode(found.strip())
        if status or not reference.startswith("refs/heads/"):
            message = f"No branch is checked out in `{self.root}` (detached HEAD), so a commit could get lost."
            raise RefusedError(message, hint="Check one out first: git switch BRANCH, or git switch -c NEW-BRANCH.")
        return reference.removeprefix("refs/heads/")

    def head(self) -> str | None:
        """Return the commit that is checked out, or ``None`` before the first one."""
        status, found, _ = self._try("rev-parse", "--verify", "--quiet", "HEAD^{commit}")
        return None if status else found.decode().strip()

    def require_identity(self) -> None:
        """Refuse to go on where Git does not know who commits.

        Raises:
            RefusedError: there is no user.name or user.email.
        """
        for who in ("GIT_AUTHOR_IDENT", "GIT_COMMITTER_IDENT"):
            if self._try("var", who)[0]:
                message = "Git does not know who you are, and a commit needs an author."
                hint = 'Tell it: git config --global user.name "NAME" and git config --global user.email "ADDRESS".'
                raise RefusedError(message, hint=hint)

    def committed(self, path: str, commit: str | None = None) -> bytes | None:
        """Return a file's content in ``commit`` (HEAD when left out), or ``None`` when it is not there."""
        status, found, _ = self._try("cat-file", "blob", f"{commit or 'HEAD'}:{path}")
        return None if status else found

    def last_commit(self, path: str) -> str | None:
        """Return the newest commit of HEAD's history that changed a file or folder, or ``None``."""
        status, found, _ = self._try("rev-list", "-1", "HEAD", "--", path)
        return found.decode().strip() or None if not status else None

    def subject(self, commit: str) -> str:
        """Return the first line of a commit's message."""
        return self._output("log", "-1", "--format=%s", "--end-of-options", commit).decode("utf-8", "replace").strip()

    def is_known(self, path: str) -> bool:
        """Whether a file is committed or staged."""
        return self.committed(path) is not None or bool(self._output("ls-files", "-z", "--", path))

    def require_clean(self, files: Mapping[str, bytes]) -> None:
        """Refuse to write over changes that no commit holds.

        Args:
            files: what is to be written, by path from the root.

        Raises:
            DirtyFolderError: a file differs, in the working tree or in the index, from HEAD and from what is to come.
            RefusedError: a folder on the way is a link or a file.
        """
        for path, content in files.items():
            target = self.root / path
            for parent in (target, *target.parents):
                if parent == self.root:
                    break
                if parent.is_symlink() or (parent != target and parent.exists() and not parent.is_dir()):
                    message = f"`{parent.relative_to(self.root)}` is a link or a file: nothing is written through it."
                    raise RefusedError(message, hint="Move it out of the way.")
            committed = self.committed(path)
            staged = self._staged(path)
            on_disk = target.read_bytes() if target.exists() else None
            if on_disk not in {None, committed, content} and self._hash(target, path) != self._blob("HEAD", path):
                self._refuse_dirty(path)
            if staged not in {None, self._blob("HEAD", path), self._hash_of(content)}:
                self._refuse_dirty(path)

    def commit_files(self, files: Mapping[str, bytes], message: str) -> str | None:
        """Commit exactly these files on the current branch, then write them into the working tree and the index.

        The commit is made on an index of its own and takes the branch's newest commit as parent; where somebody else
        commits in between, it is made again on theirs.

        Args:
            files: content by path from the root; paths with ``/``.
            message: the commit's message.

        Returns:
            The commit's SHA, or ``None`` when HEAD holds all this already.

        Raises:
            RefusedError: no branch, no author.
            DirtyFolderError: changes in these files would be lost.
            ToolError: Git failed.
        """
        reference = f"refs/heads/{self.branch()}"
        self.require_identity()
        self.require_clean(files)
        blobs = {path: self._output("hash-object", "-w", "--no-filters", "--stdin", given=content).decode().strip()
                 for path, content in files.items()}  # fmt: skip
        for _ in range(_ATTEMPTS):
            head = self.head()
            commit = self._commit(head, blobs, message)
            if commit is None:
                self._refresh(files, blobs)
                return None
            log = f"commit: {message.partition(chr(10))[0]}"
            words = ("update-ref", "-m", log, "--end-of-options", reference, commit, head or _NO_COMMIT)
            status, _, said = self._try(*words)
            if not status:
                self._refresh(files, blobs)
                return commit
            time.sleep(_PAUSE)
        failed = f"The branch `{self.branch()}` could not be moved to the new commit: {said}"
        raise ToolError(failed, hint="Is something else committing or holding a lock there? Try again.")

    def _commit(self, head: str | None, blobs: Mapping[str, str], message: str) -> str | None:
        with tempfile.TemporaryDirectory(prefix="headrace-index-") as folder:
            index = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
            self._output("read-tree", head or "--empty", environment=index)
            self._output("update-index", "-z", "--index-info", given=_index_info(blobs), environment=index)
            tree = self._output("write-tree", environment=index).decode().strip()
        if head and tree == self._output("rev-parse", f"{head}^{{tree}}").decode().strip():
            return None
        parent = ("-p", head) if head else ()
        return self._output("commit-tree", tree, *parent, "-F", "-", given=message.encode()).decode().strip()

    def _refresh(self, files: Mapping[str, bytes], blobs: Mapping[str, str]) -> None:
        """Bring the committed files, and only these, into the working tree and the user's index."""
        for path, content in files.items():
            target = self.root / path
            if target.is_file() and target.read_bytes() == content:
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            unfinished = target.with_name(f".{target.name}.headrace")
            unfinished.write_bytes(content)
            unfinished.replace(target)
        for _ in range(_ATTEMPTS):
            status, _, said = self._try("update-index", "-z", "--index-info", given=_index_info(blobs))
            if not status:
                # Only their file times are brought up to date; the answer does not matter.
                self._try("add", "--refresh", "--", *blobs)
                return
            time.sleep(_PAUSE)
        message = f"The commit is made, but Git's index could not be brought up to date: {said}"
        raise ToolError(message, hint="End what holds .git/index.lock, then: git reset -q -- streams")

    def _refuse_dirty(self, path: str) -> None:
        message = f"`{path}` has changes that no commit holds; committing the stream would write over them."
        raise DirtyFolderError(message, hint=f"Commit them, or throw them away: git checkout HEAD -- {path}")

    def _staged(self, path: str) -> str | None:
        entry = self._output("ls-files", "--stage", "-z", "--", path).decode("utf-8", "replace")
        return entry.split()[1] if entry else None

    def _blob(self, commit: str, path: str) -> str | None:
        status, found, _ = self._try("rev-parse", "--verify", "--quiet", f"{commit}:{path}")
        return None if status else found.decode().strip()

    def _hash(self, file: Path, path: str) -> str:
        """The blob that adding a file would make: line ends as Git's settings turn them."""
        return self._output("hash-object", f"--path={path}", "--stdin", given=file.read_bytes()).decode().strip()

    def _hash_of(self, content: bytes) -> str:
        return self._output("hash-object", "--no-filters", "--stdin", given=content).decode().strip()

    def _output(self, *words: str, given: bytes | None = None, environment: Mapping[str, str] | None = None) -> bytes:
        status, found, said = self._try(*words, given=given, environment=environment)
        if status:
            message = f"`git {words[0]}` failed: {said or f'status {status}'}"
            raise ToolError(message)
        return found

    def _try(
        self, *words: str, given: bytes | None = None, environment: Mapping[str, str] | None = None
    ) -> tuple[int, bytes, str]:
        place = {"GIT_DIR": str(self.git_folder), "GIT_WORK_TREE": str(self.root)}
        return _run(self.root, list(words), given=given, environment=place | dict(environment or {}))


def _index_info(blobs: Mapping[str, str]) -> bytes:
    return b"".join(f"100644 {blob}\t{path}".encode() + b"\0" for path, blob in blobs.items())


def _run(
    folder: Path, words: Iterable[str], *, given: bytes | None = None, environment: Mapping[str, str] | None = None
) -> tuple[int, bytes, str]:
    """Run git and return its status, what it wrote and what it said."""
    try:
        import git  # noqa: PLC0415  only who commits needs it, and it looks for the program when it is imported
    except ImportError as error:
        message = f"Git cannot be used: {error}"
        raise ToolError(message, hint="Install the program git.") from None
    settings = {"GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", **(environment or {})}
    with tempfile.TemporaryFile() as stdin:
        stdin.write(given or b"")
        stdin.seek(0)
        try:
            status, found, said = git.Git(str(folder)).execute(
                ["git", *_SAFE, *words],
                istream=stdin,
                with_extended_output=True,
                with_exceptions=False,
                stdout_as_string=False,
                strip_newline_in_stdout=False,
                env=settings,
            )
        except git.GitCommandNotFound:
            message = "The program git is not installed."
            raise ToolError(message, hint="Install it, for example: apt-get install git") from None
    return int(status), bytes(found), str(said).strip()  # GitPython's stubs say text for both

"""A commit changes its own files and nothing else, in whatever state the repository is."""

from __future__ import annotations

import random
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from headrace.errors import DirtyFolderError, RefusedError
from headrace.repo.git import Repository

Git = Callable[..., str]

FILES = {"streams/s/transform.py": b"def transform(df):\r\n    return df\n", "streams/s/tests/input.jsonl": b"{}\n"}


_ACTS = ("keep", "edit", "stage", "both", "remove", "delete", "rename", "mode", "intend")
_COMMANDS = {"remove": ("rm", "-q", "-f"), "rename": ("mv",)}


def _state(project: Path, git: Git) -> dict[str, object]:
    """Everything of the user's: index entries, files, diffs; the stream's own paths left out."""
    staged = [line for line in git("ls-files", "--stage", "-z").split("\0") if line and "\tstreams/" not in line]
    files = {
        str(path.relative_to(project)): (path.read_bytes(), path.stat().st_mode, path.stat().st_mtime_ns)
        for path in sorted(project.rglob("*"))
        if path.is_file() and ".git" not in path.parts and "streams" not in path.relative_to(project).parts
    }
    status = [line for line in git("status", "--porcelain=v2", "--ignored").splitlines() if "streams/" not in line]
    return {"staged": staged, "files": files, "status": status, "cached": git("diff", "--cached", "--", ":!streams")}


def _mess(project: Path, git: Git, seed: int) -> None:
    """Bring the working tree and the index into a random state."""
    chance = random.Random(seed)
    names = [f"f{number}.txt" for number in range(8)]
    for name in names:
        (project / name).write_text(f"{name}\n{seed}\n")
    (project / ".gitignore").write_text("ignored*\n")
    git("add", "-A")
    if chance.random() < 0.8:
        git("commit", "-q", "-m", "first")
    for name in names:
        _change(project / name, chance.choice(_ACTS), git, chance)
    (project / "untracked.txt").write_text("mine\n")
    (project / "ignored.txt").write_text("mine\n")


def _change(path: Path, act: str, git: Git, chance: random.Random) -> None:
    name = path.name
    if act in {"edit", "both", "stage"}:
        path.write_text(f"changed {chance.random()}\n")
    if act in {"both", "stage"}:
        git("add", name)
    if act == "both":
        path.write_text(f"changed again {chance.random()}\n")
    if act in _COMMANDS:
        git(*_COMMANDS[act], name, *([f"renamed-{name}"] if act == "rename" else []))
    if act == "delete":
        path.unlink()
    if act == "mode":
        path.chmod(0o755)
    if act == "intend":
        path.with_name(f"new-{name}").write_text("new\n")
        git("add", "-N", f"new-{name}")


@pytest.mark.parametrize("seed", range(12))
def test_nothing_of_the_users_is_touched(seed: int, project: Path, git: Git) -> None:
    _mess(project, git, seed)
    for hook in ("pre-commit", "commit-msg", "post-commit", "reference-transaction", "post-index-change"):
        path = project / ".git" / "hooks" / hook
        path.write_text(f"#!/bin/sh\ntouch '{project}/hook-ran'\n")
        path.chmod(0o755)
    (project / ".git" / "hooks" / "fsmonitor").write_text(f"#!/bin/sh\ntouch '{project}/hook-ran'\n")
    (project / ".git" / "hooks" / "fsmonitor").chmod(0o755)
    with (project / ".git" / "config").open("a") as config:
        config.write("[core]\n\tfsmonitor = .git/hooks/fsmonitor\n")
    git_quiet = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null")

    def quiet(*words: str) -> str:
        return git(*git_quiet, *words)

    before = _state(project, quiet)
    parent = Repository.around(project).head()
    commit = Repository.around(project).commit_files(FILES, "s: a stream\n")
    assert commit is not None
    assert _state(project, quiet) == before
    assert not (project / "hook-ran").exists()
    assert quiet("rev-parse", "HEAD").strip() == commit
    changed = quiet("show", "--format=", "--name-only", "HEAD").split()
    assert sorted(changed) == sorted(FILES)
    assert quiet("log", "--format=%P", "-1").strip() == (parent or "")
    for name, content in FILES.items():
        assert (project / name).read_bytes() == content
        assert Repository.around(project).committed(name) == content
    assert quiet("status", "--porcelain", "--", "streams") == ""
    assert quiet("fsck", "--no-dangling") == ""


def test_a_second_time_there_is_nothing_to_commit(project: Path) -> None:
    repository = Repository.around(project)
    first = repository.commit_files(FILES, "one\n")
    assert repository.commit_files(FILES, "two\n") is None
    assert repository.head() == first
    assert repository.last_commit("streams/s") == first


def test_a_subfolder_and_a_worktree_serve_as_well(project: Path, git: Git, tmp_path: Path) -> None:
    (project / "deep").mkdir()
    assert Repository.around(project / "deep").root == project
    Repository.around(project).commit_files({"a.txt": b"a"}, "a\n")
    git("worktree", "add", "-q", "-b", "side", str(tmp_path / "side"))
    side = Repository.around(tmp_path / "side")
    commit = side.commit_files(FILES, "s\n")
    assert git("rev-parse", "side").strip() == commit
    assert side.branch() == "side"
    assert not (project / "streams").exists()


def test_no_repository_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="git init"):
        Repository.around(tmp_path)


def test_a_bare_repository_is_refused(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", "--bare", str(tmp_path / "bare")], check=True)
    with pytest.raises(RefusedError, match="bare"):
        Repository.around(tmp_path / "bare")


def test_a_detached_head_is_refused(project: Path, git: Git) -> None:
    repository = Repository.around(project)
    repository.commit_files({"a.txt": b"a"}, "a\n")
    git("checkout", "-q", "--detach")
    with pytest.raises(RefusedError, match="git switch"):
        repository.commit_files(FILES, "s\n")


def test_a_merge_in_progress_is_refused(project: Path, git: Git) -> None:
    repository = Repository.around(project)
    repository.commit_files({"a.txt": b"a"}, "a\n")
    git("checkout", "-q", "-b", "side")
    repository.commit_files({"b.txt": b"b"}, "b\n")
    git("checkout", "-q", "main")
    git("merge", "-q", "--no-ff", "--no-commit", "side")
    with pytest.raises(RefusedError, match="merge is not finished"):
        repository.commit_files(FILES, "s\n")


def test_without_a_user_it_says_how_to_name_one(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    with pytest.raises(RefusedError, match=r"user\.name"):
        Repository.around(project).commit_files(FILES, "s\n")
    assert Repository.around(project).head() is None


@pytest.mark.parametrize("stage", [False, True])
def test_uncommitted_edits_in_the_folder_are_not_lost(stage: bool, project: Path, git: Git) -> None:  # noqa: FBT001
    repository = Repository.around(project)
    first = repository.commit_files(FILES, "s\n")
    edited = project / "streams/s/transform.py"
    edited.write_bytes(b"# better\n")
    if stage:
        git("add", str(edited))
        edited.write_bytes(FILES["streams/s/transform.py"])
    with pytest.raises(DirtyFolderError, match=r"streams/s/transform\.py"):
        repository.commit_files({**FILES, "streams/s/transform.py": b"# new\n"}, "s\n")
    assert repository.head() == first
    assert edited.read_bytes() == (FILES["streams/s/transform.py"] if stage else b"# better\n")


def test_an_untracked_file_in_the_way_is_not_lost(project: Path) -> None:
    path = project / "streams/s/transform.py"
    path.parent.mkdir(parents=True)
    path.write_text("mine\n")
    with pytest.raises(DirtyFolderError):
        Repository.around(project).commit_files(FILES, "s\n")
    assert path.read_text() == "mine\n"


def test_a_link_out_of_the_repository_is_refused(project: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (project / "streams").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RefusedError, match="link"):
        Repository.around(project).commit_files(FILES, "s\n")
    assert not list((tmp_path / "elsewhere").iterdir())


def test_an_engineers_own_files_in_the_folder_stay(project: Path, git: Git) -> None:
    repository = Repository.around(project)
    repository.commit_files({**FILES, "streams/s/tests/test_more.py": b"def test(): ...\n"}, "s\n")
    repository.commit_files({"streams/s/transform.py": b"# new\n"}, "t\n")
    assert "streams/s/tests/test_more.py" in git("ls-tree", "-r", "--name-only", "HEAD").split()


def test_commits_at_the_same_time_are_all_there(project: Path, git: Git) -> None:
    repository = Repository.around(project)
    repository.commit_files({"a.txt": b"a"}, "a\n")
    errors: list[BaseException] = []

    def work(number: int) -> None:
        try:
            repository.commit_files({f"streams/s{number}/transform.py": b"x\n"}, f"s{number}\n")
        except BaseException as error:  # noqa: BLE001  whatever it is, the test shows it
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert git("log", "--format=%s").split()[-1] == "a"
    assert sorted(git("log", "--format=%s").split()) == ["a", "s0", "s1", "s2", "s3"]
    paths = git("ls-tree", "-r", "--name-only", "HEAD").split()
    assert paths == ["a.txt", *(f"streams/s{number}/transform.py" for number in range(4))]
    assert git("status", "--porcelain") == ""

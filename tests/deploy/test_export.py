from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from headrace.deploy.export import export
from headrace.errors import DirtyFolderError, MissingStreamError, RefusedError
from headrace.home import HOME_VARIABLE
from headrace.spec import StreamSpec
from projects import TRANSFORM, git, make_repository, write_stream


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    return tmp_path / "home"


def test_the_release_is_the_commit(stream_folder: Path, own_home: Path) -> None:
    release = export(stream_folder)

    assert release.commit == git(stream_folder, "rev-parse", "HEAD")
    top = own_home / "services" / "doubled" / "releases" / release.commit
    assert release.folder == top / "streams" / "doubled"
    assert (release.folder / "transform.py").read_text() == TRANSFORM
    assert (top / "headrace.toml").is_file()
    assert release.document.spec.sink == "numbers.doubled"
    assert not list((own_home / "exports").iterdir())


@pytest.mark.parametrize("change", ["edited", "staged", "new", "deleted"])
def test_a_changed_folder_is_refused_by_name(stream_folder: Path, change: str) -> None:
    changed = stream_folder / ("new.py" if change == "new" else "transform.py")
    if change == "deleted":
        changed.unlink()
    else:
        changed.write_text("SECRET = 1\n")
    if change == "staged":
        git(stream_folder, "add", "transform.py")

    with pytest.raises(DirtyFolderError, match=changed.name):
        export(stream_folder)


def test_a_named_commit_is_exported_over_a_changed_folder(stream_folder: Path) -> None:
    first = git(stream_folder, "rev-parse", "HEAD")
    (stream_folder / "transform.py").write_text("def transform(df):\n    return df\n")
    git(stream_folder, "commit", "--quiet", "--all", "--message", "Pass through")
    (stream_folder / "transform.py").write_text("raise SystemExit\n")

    release = export(stream_folder, first[:12])

    assert release.commit == first
    assert (release.folder / "transform.py").read_text() == TRANSFORM


def test_changes_elsewhere_and_caches_are_no_change(stream_folder: Path) -> None:
    (stream_folder.parent.parent / "notebook.ipynb").write_text("{}")
    (stream_folder / "tests" / "__pycache__").mkdir(parents=True)
    (stream_folder / "tests" / "__pycache__" / "a.pyc").write_bytes(b"0")

    assert export(stream_folder).folder.is_dir()


def test_the_same_release_stays_and_a_damaged_one_is_replaced(stream_folder: Path) -> None:
    module = export(stream_folder).folder / "transform.py"
    inode = module.stat().st_ino
    assert export(stream_folder).folder.joinpath("transform.py").stat().st_ino == inode

    module.write_text("damaged")
    assert export(stream_folder).folder.joinpath("transform.py").read_text() == TRANSFORM


def test_no_filter_or_attribute_changes_the_code(stream_folder: Path) -> None:
    root = stream_folder.parent.parent
    (root / ".gitattributes").write_text("*.py filter=evil export-subst\nstream.yaml export-ignore\n")
    git(root, "add", ".gitattributes")
    git(root, "commit", "--quiet", "--message", "Add attributes")
    git(root, "config", "filter.evil.smudge", f"touch {root}/ran; cat")
    git(root, "config", "core.fsmonitor", f"touch {root}/ran; false")

    release = export(stream_folder)

    assert (release.folder / "transform.py").read_text() == TRANSFORM
    assert not (root / "ran").exists()


@pytest.mark.parametrize("revision", ["-x", "--output=x", "nothing", "HEAD:streams"])
def test_what_is_no_commit_is_refused(stream_folder: Path, revision: str) -> None:
    with pytest.raises(RefusedError, match="no commit"):
        export(stream_folder, revision)


def test_a_link_is_refused(stream_folder: Path) -> None:
    (stream_folder / "secrets").symlink_to("/etc/passwd")
    git(stream_folder, "add", "secrets")
    git(stream_folder, "commit", "--quiet", "--message", "Add a link")

    with pytest.raises(RefusedError, match="symbolic link"):
        export(stream_folder)


def test_outside_of_a_repository(tmp_path: Path) -> None:
    write_stream(tmp_path / "loose", StreamSpec(name="loose", source="numbers"))

    with pytest.raises(RefusedError, match="no Git repository"):
        export(tmp_path / "loose")


def test_a_folder_that_the_commit_has_not(stream_folder: Path) -> None:
    with pytest.raises(MissingStreamError, match="streams/other"):
        export(stream_folder.parent / "other")


def test_a_repository_without_commits(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    write_stream(tmp_path / "streams" / "a", StreamSpec(name="a", source="numbers"))

    with pytest.raises(RefusedError, match="no commit yet"):
        export(tmp_path / "streams" / "a")


def test_a_clone_is_the_same_repository_and_a_namesake_is_not(stream_folder: Path, tmp_path: Path) -> None:
    root = stream_folder.parent.parent
    git(tmp_path, "clone", "--quiet", str(root), "clone")
    spec = StreamSpec(name="doubled", source="numbers", sinks=("numbers.doubled",))
    other = make_repository(tmp_path / "other", spec)
    copied = tmp_path / "copy"
    shutil.copytree(root, copied)

    original = export(stream_folder).repository

    assert original.same_as(export(stream_folder).repository)
    assert original.same_as(export(tmp_path / "clone" / "streams" / "doubled").repository)
    assert not original.same_as(export(other).repository)
    assert not original.same_as(export(copied / "streams" / "doubled").repository)


def test_one_remote_makes_one_repository_and_its_credentials_stay_out(stream_folder: Path, tmp_path: Path) -> None:
    root = stream_folder.parent.parent
    copied = tmp_path / "copy"
    shutil.copytree(root, copied)
    git(root, "remote", "add", "origin", "https://ada:secret@git.example.org/team/flights.git")
    git(copied, "remote", "add", "origin", "git@git.example.org:team/flights")

    identity = export(stream_folder).repository

    assert identity.remote == "git.example.org/team/flights"
    assert identity.same_as(export(copied / "streams" / "doubled").repository)
    assert "secret" not in identity.model_dump_json()

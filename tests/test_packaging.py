"""What is pinned, what is documented, what can be run."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def requirements() -> dict[str, set[str]]:
    """Names of the packages that pyproject.toml asks for, by extra (the runner: an empty name)."""
    project = PROJECT["project"]
    groups = {"": project["dependencies"], **project["optional-dependencies"]}
    return {extra: {name_of(line) for line in lines} for extra, lines in groups.items()}


def name_of(requirement: str) -> str:
    """A requirement's name, normalized (PEP 503)."""
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert found is not None, requirement
    return re.sub(r"[-_.]+", "-", found[0]).lower()


def tracked_files() -> list[Path]:
    """The files that git knows."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True)
    return [ROOT / name for name in listed.stdout.split("\0") if name]


def test_lock_and_constraint_files_name_no_download_host() -> None:
    pins = [file for file in tracked_files() if re.search(r"\.lock$|constraints/|requirements.*\.txt$", str(file))]
    assert {"yarn.lock", "dev.txt"} <= {file.name for file in pins}
    assert [file.name for file in pins if re.search(r"https?://|@ file:", file.read_text(encoding="utf-8"))] == []


def test_every_package_is_pinned() -> None:
    lines = (ROOT / "constraints" / "dev.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert [line for line in pins if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!]+", line)] == []
    pinned = {name_of(line) for line in pins}
    assert {extra: names - pinned for extra, names in requirements().items() if names - pinned} == {}


def test_the_runner_depends_on_nothing_of_jupyter() -> None:
    assert {
        name for name in requirements()[""] if re.search(r"jupyter|ipython|ipykernel|nbclient|nbformat", name)
    } == set()


def test_every_dependency_is_documented() -> None:
    text = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    documented = {name_of(name) for name in re.findall(r"^\| `([A-Za-z0-9._-]+)` \|", text, flags=re.MULTILINE)}
    assert set().union(*requirements().values()) - documented == set()

    quoted = re.findall(r"`([^`]+)`", text)
    package = json.loads((ROOT / "package.json").read_text(encoding="utf-8"))
    wanted = [*package["dependencies"], *package["devDependencies"]]
    globs = {name.removesuffix("*") for name in quoted if name.endswith("/*")}
    missing = [name for name in wanted if name not in quoted and not name.startswith(tuple(globs))]
    assert missing == []


def test_the_index_leads_to_every_page() -> None:
    pages = {file.relative_to(ROOT / "docs").as_posix() for file in (ROOT / "docs").rglob("*.md")} - {"index.md"}
    linked = set(re.findall(r"\]\(([^)#]+\.md)", (ROOT / "docs" / "index.md").read_text(encoding="utf-8")))
    assert pages == linked


def test_versions_agree() -> None:
    package = json.loads((ROOT / "package.json").read_text(encoding="utf-8"))
    install = json.loads((ROOT / "install.json").read_text(encoding="utf-8"))
    assert package["name"] == PROJECT["project"]["name"] == install["packageName"]
    assert PROJECT["tool"]["hatch"]["version"]["source"] == "nodejs"


def test_scripts_can_be_run() -> None:
    scripts = [ROOT / ".ci" / "run", ROOT / "binder" / "postBuild", ROOT / "binder" / "start"]
    scripts += [file for file in (ROOT / "scripts").iterdir() if not file.suffix and file.is_file()]
    assert [str(file.relative_to(ROOT)) for file in scripts if not file.stat().st_mode & 0o100] == []

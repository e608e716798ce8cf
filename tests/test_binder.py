"""What Binder would do with this repository, done in a clean folder, with an empty home, never as root."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOK = "demo/delays.ipynb"
PREVIEW = "application/vnd.headrace.preview+json"
NOBODY = 65534
SUITABLE = """
import ensurepip, os, sys, venv
sys.exit(sys.version_info < (3, 11) or not os.access(sys._base_executable, os.X_OK))
"""
# What a build on this machine has to know of the network; nothing else of this process goes along.
KEPT = ("PIP_", "SSL_", "NODE_EXTRA_", "REQUESTS_", "CURL_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_", "https_")


@dataclass(frozen=True)
class Place:
    """A clean checkout with a home and a Python environment, and how to run a program in it."""

    folder: Path
    port: int

    @property
    def checkout(self) -> Path:
        """The repository, without anything that was built or installed, but for the front end."""
        return self.folder / "checkout"

    def run(self, *arguments: str, timeout: float = 900) -> None:
        """Run a program in the checkout as another user than root, to its end; fails where the program does.

        What it leaves running in its session, for example the replay that `start` begins, is ended.
        """
        log = self.folder / "log.txt"
        with log.open("w", encoding="utf-8") as output:
            process = subprocess.Popen(
                [*as_another_user(), *arguments],
                cwd=self.checkout,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                status: int | str = process.wait(timeout)
            except subprocess.TimeoutExpired:
                status = f"no end within {timeout} s"
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        assert status == 0, f"{arguments}: {status}\n{log.read_text(encoding='utf-8')}"

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name.startswith(KEPT)}
        path = os.pathsep.join([str(self.folder / "venv" / "bin"), os.environ["PATH"]])
        own = {"HOME": str(self.folder / "home"), "HEADRACE_BROKER_PORT": str(self.port), "LANG": "C.UTF-8"}
        return {**kept, **own, "PATH": path}


def as_another_user() -> list[str]:
    """The prefix that makes a command run as `nobody`, where these tests run as root."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]


def python_for_another_user() -> str:
    """A Python >= 3.11 that the other user may run: root's own may lie where only root may look."""
    found = [shutil.which(name, path=folder) for folder in os.get_exec_path() for name in ("python3", "python3.11")]
    for program in dict.fromkeys([sys.executable, *found, "/usr/local/bin/python3", "/usr/bin/python3"]):
        if program is None:
            continue
        try:
            answer = subprocess.run(
                [*as_another_user(), program, "-c", SUITABLE], cwd="/", capture_output=True, check=False
            )
        except OSError:
            continue
        if answer.returncode == 0:
            return program
    pytest.fail("no Python >= 3.11 with venv on PATH that another user than root may run: install python3-venv")


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def copy_repository(target: Path) -> None:
    """Copy what git knows or would take, and the built front end (`make setup` has shown that it builds)."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        source = ROOT / name
        if source.is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target / name)
    built = "python/headrace/labextension"
    # What an earlier installation here may have written into the build is no part of it.
    left_out = shutil.ignore_patterns("install.json")
    shutil.copytree(ROOT / built, target / built, dirs_exist_ok=True, ignore=left_out)


@pytest.fixture
def place() -> Iterator[Place]:
    """A clean place; afterwards its broker is stopped and everything removed."""
    folder = Path(tempfile.mkdtemp(prefix="headrace-binder-"))
    folder.chmod(0o755)
    made = Place(folder, free_port())
    try:
        copy_repository(made.checkout)
        (folder / "home").mkdir()
        if os.geteuid() == 0:
            for path in (folder, *folder.rglob("*")):
                os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
        made.run(python_for_another_user(), "-m", "venv", str(folder / "venv"))
        yield made
    finally:
        if (folder / "venv" / "bin" / "headrace").exists():
            made.run("headrace", "broker", "stop")
        shutil.rmtree(folder)


def test_binder_finds_what_it_needs() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("repo2docker"), "--no-build", "--debug", "."],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    dockerfile = (done.stdout + done.stderr).splitlines()
    assert "RUN ./binder/postBuild" in dockerfile
    assert any(line.endswith('pip install --no-cache-dir -r "binder/requirements.txt"') for line in dockerfile)
    assert 'ENV R2D_ENTRYPOINT="${REPO_DIR}/binder/start"' in dockerfile


@pytest.mark.timeout(1800)
def test_binder_ends_with_the_preview_done(place: Place) -> None:
    place.run("binder/postBuild")
    place.run("binder/start", "jupyter", "execute", "--inplace", "--timeout=180", NOTEBOOK)

    notebook = json.loads((place.checkout / NOTEBOOK).read_text(encoding="utf-8"))
    previews = [
        output["data"][PREVIEW]
        for cell in notebook["cells"]
        for output in cell.get("outputs", [])
        if PREVIEW in output.get("data", {})
    ]
    assert len(previews) == 1
    counts = previews[0]["counts"]
    assert counts["rows_in"] > 0
    assert counts["rows_out"] + counts["filtered"] + counts["failed"] == counts["rows_in"]
    assert previews[0]["verdict"]["equal"] is True

"""``headrace demo``: JupyterLab on the notebook, while flights keep coming in."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from headrace.cli.demo_project import KEY, TIME, TOPIC
from headrace.cli.demo_topics import held
from headrace.cli.output import note
from headrace.errors import ToolError
from headrace.kafka.clusters import resolve_cluster

_ENOUGH = 2_000
"""Records that should be there before a person previews anything."""
_PATIENCE = 60.0
_END_SECONDS = 15.0


def run_lab(notebook: Path, *, flights: int, rate: int, browser: bool) -> None:
    """Open a notebook in JupyterLab and replay the flights that the topic does not hold yet.

    It returns when JupyterLab has ended.

    Args:
        notebook: in the demo's project, which has the settings of the cluster.
        flights: how many.
        rate: flights a second.
        browser: whether JupyterLab opens one.

    Raises:
        ToolError: JupyterLab or the replay failed.
    """
    project = notebook.parent
    words = ["replay", "flights", "--to", TOPIC, "--key", KEY, "--time", TIME]
    there = held(resolve_cluster("demo", project))
    note(f"replay   {max(flights - there, 0):,} flights at {rate:,} a second; {TOPIC} holds {there:,} already")
    words += ["--rate", str(rate), "--skip", str(there), "--limit", str(max(flights - there, 0)), "--cluster", "demo"]
    lab = [notebook.name, f"--ServerApp.root_dir={project}"]
    if not browser:
        lab.append("--no-browser")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        lab.append("--allow-root")
    try:
        with _running("headrace", *words, folder=project, quiet=True) as replay:
            _wait_for_records(project, replay, min(_ENOUGH, flights))
            with _running("jupyterlab", *lab, folder=project) as server:
                if status := server.wait():
                    message = f"JupyterLab ended with status {status}."
                    raise ToolError(message, hint="Is it installed? pip install 'headrace[lab]'")
    except KeyboardInterrupt:
        note("Stopped.")


@contextmanager
def _running(module: str, *words: str, folder: Path, quiet: bool = False) -> Iterator[subprocess.Popen[bytes]]:
    """Run ``python -m MODULE`` in a session of its own, so that Ctrl-C reaches the demo alone, which ends it."""
    process = subprocess.Popen(
        [sys.executable, "-m", module, *words],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL if quiet else None,
        stderr=subprocess.PIPE if quiet else None,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for_records(project: Path, replay: subprocess.Popen[bytes], enough: int) -> None:
    cluster = resolve_cluster("demo", project)
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        if held(cluster) >= enough:
            return
        if replay.poll():
            said = (replay.stderr.read() if replay.stderr else b"").decode("utf-8", "replace").strip()
            message = f"The flights could not be sent: {said}"
            raise ToolError(message)
        time.sleep(0.1)

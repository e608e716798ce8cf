"""The demo's project: a Git repository with the notebook and the settings of its cluster."""

from __future__ import annotations

import json
import subprocess
from importlib.resources import files
from pathlib import Path

from headrace.errors import RefusedError, ToolError
from headrace.home import home
from headrace.kafka.clusters import PROJECT_FILE, Cluster
from headrace.repo.git import Repository

NOTEBOOK_NAME = "delays.ipynb"
STREAM_NAME = "late_flights"
TOPIC = "flights"
KEY = "origin"
TIME = "time_hour"


def prepare_project(folder: Path | None, cluster: Cluster) -> Path:
    """Return the demo's notebook in its project, made where it is missing.

    A notebook that is there stays as its user left it; the settings follow the cluster's address.

    Args:
        folder: of the project; one in Headrace's data folder when left out.
        cluster: where the flights are.

    Raises:
        RefusedError: the folder holds something else than the demo.
        ToolError: git failed.
    """
    project = (folder or home("demo")).absolute()
    notebook = project / NOTEBOOK_NAME
    if project.is_dir() and any(project.iterdir()) and not notebook.is_file():
        message = f"`{project}` is not empty and holds no {NOTEBOOK_NAME}."
        raise RefusedError(message, hint="Name an empty or a new folder.")
    project.mkdir(parents=True, exist_ok=True)
    if not (project / ".git").exists():
        _git(project, "init", "--quiet", "--initial-branch=main")
    repository = Repository.around(project)
    try:
        repository.require_identity()
    except RefusedError:
        _git(project, "config", "user.name", "Headrace demo")
        _git(project, "config", "user.email", "demo@headrace.invalid")
    new: dict[str, bytes] = {}
    if not notebook.is_file():
        new[NOTEBOOK_NAME] = files("headrace.demo").joinpath(NOTEBOOK_NAME).read_bytes()
    settings = _settings(cluster)
    if repository.committed(PROJECT_FILE) != settings:
        new[PROJECT_FILE] = settings
        (project / PROJECT_FILE).write_bytes(settings)
    if new:
        repository.commit_files(new, "Demo: the notebook and its cluster\n")
    return notebook


def _settings(cluster: Cluster) -> bytes:
    lines = ['cluster = "demo"', "", "[clusters.demo]"]
    lines += [f"{json.dumps(name)} = {json.dumps(value)}" for name, value in cluster.settings.items()]
    return ("\n".join(lines) + "\n").encode()


def _git(folder: Path, *words: str) -> None:
    try:
        subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, stdin=subprocess.DEVNULL)
    except FileNotFoundError:
        message = "The program git is not installed."
        raise ToolError(message, hint="Install it, for example: apt-get install git") from None
    except subprocess.CalledProcessError as error:
        message = f"`git {words[0]}` failed: {error.stderr.decode('utf-8', 'replace').strip()}"
        raise ToolError(message) from None

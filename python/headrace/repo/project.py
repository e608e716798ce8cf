"""Files of the project around the stream folders, written once where they are missing."""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError, version

from headrace.kafka.clusters import PROJECT_FILE, Cluster
from headrace.repo.git import Repository

WORKFLOW = ".github/workflows/streams.yml"


def project_files(repository: Repository, cluster: Cluster) -> dict[str, bytes]:
    """Return the project's files that the repository lacks, by path from its root.

    A file that is there, committed or not, is the user's own and stays as it is.
    """
    texts = {PROJECT_FILE: settings_text(cluster), WORKFLOW: workflow_text()}
    return {
        path: text.encode()
        for path, text in texts.items()
        if not (repository.root / path).exists() and not repository.is_known(path)
    }


def settings_text(cluster: Cluster) -> str:
    """Return ``headrace.toml`` for a cluster; it holds references to secrets, as the cluster does."""
    lines = [
        "# Headrace's settings for this project. A secret is a reference (env:NAME, file:PATH, keyring:NAME).",
        f"cluster = {json.dumps(cluster.name)}",
    ]
    if cluster.name != cluster.address:
        lines += ["", f"[clusters.{json.dumps(cluster.name)}]"]
        lines += [f"{json.dumps(name)} = {json.dumps(value)}" for name, value in cluster.settings.items()]
    return "\n".join(lines) + "\n"


def workflow_text() -> str:
    """Return the workflow that runs the streams' tests."""
    return f"""name: streams

on:
  push:
  pull_request:

permissions:
  contents: read

jobs:
  test:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with:
          python-version: "3.11"
      - name: Install the runner and what the streams import
        run: |
          pip install {_runner()} pytest
          for file in streams/*/requirements.txt; do pip install -r "$file"; done
      - name: Test the streams
        run: headrace test
"""


def _runner() -> str:
    try:
        return f"headrace=={version('headrace')}"
    except PackageNotFoundError:
        return "headrace"

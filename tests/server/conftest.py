"""A Jupyter server with the extension started, and notebooks in its root folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jupyter_server.auth import Authorizer
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.serverapp import ServerApp
from pytest_jupyter.jupyter_server import *  # noqa: F403 (its fixtures and hooks, for these tests alone)

from headrace.kafka.clusters import CLUSTER_VARIABLE, Cluster
from headrace.server import HeadraceApp
from projects import git


class ReadOnly(Authorizer):
    """Lets everybody read and nobody change anything."""

    def is_authorized(self, handler: JupyterHandler, user: object, action: str, resource: str) -> bool:
        del handler, user
        return resource != "headrace" or action == "read"


class Nobody(Authorizer):
    """Lets nobody do anything with Headrace."""

    def is_authorized(self, handler: JupyterHandler, user: object, action: str, resource: str) -> bool:
        del handler, user, action
        return resource != "headrace"


@pytest.fixture
def authorizer() -> type[Authorizer] | None:
    """The authorizer to use; Jupyter's own when None."""
    return None


@pytest.fixture(name="jp_server_config")
def server_config(
    authorizer: type[Authorizer] | None,
) -> dict[str, Any]:
    config: dict[str, Any] = {"jpserver_extensions": {"headrace": True, "jupyter_server_terminals": False}}
    if authorizer:
        config["authorizer_class"] = authorizer
    return {"ServerApp": config, "IdentityProvider": {"cookie_name": "login"}}


@pytest.fixture(name="jp_serverapp")
def started_server(
    jp_server_config: dict[str, Any], jp_argv: list[str], jp_configurable_serverapp: Any, jp_asyncio_loop: Any
) -> ServerApp:
    """A server whose extensions are started, as a real one does."""
    app: ServerApp = jp_configurable_serverapp(config=jp_server_config, argv=jp_argv)
    extensions: Any = app.extension_manager
    jp_asyncio_loop.run_until_complete(extensions.start_all_extensions())
    return app


@pytest.fixture
def extension(jp_serverapp: ServerApp) -> HeadraceApp:
    (app,) = jp_serverapp.extension_manager.extension_apps["headrace"]
    assert isinstance(app, HeadraceApp)
    return app


@pytest.fixture
def default_cluster(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    """The broker, as the cluster that counts when none is named."""
    monkeypatch.setenv(CLUSTER_VARIABLE, cluster.address)
    return cluster


def notebook_text(*cells: str) -> str:
    """Return a notebook file with these code cells."""
    code: list[dict[str, Any]] = [
        {
            "cell_type": "code",
            "id": f"cell-{number}",
            "metadata": {},
            "outputs": [],
            "execution_count": None,
            "source": text,
        }
        for number, text in enumerate(cells)
    ]
    return json.dumps({"cells": code, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


@pytest.fixture
def write_notebook(jp_root_dir: Path) -> Callable[..., Path]:
    """Write a notebook into the root folder, which becomes a repository: ``write_notebook(name, *cells)``."""

    def write(name: str, *cells: str) -> Path:
        if not (jp_root_dir / ".git").exists():
            git(jp_root_dir, "init", "--quiet")
            git(jp_root_dir, "config", "user.name", "Ada")
            git(jp_root_dir, "config", "user.email", "ada@example.org")
        path = jp_root_dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(notebook_text(*cells))
        return path

    return write

"""Clusters: where they are defined, and how a name becomes one."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import platformdirs

from headrace.errors import MissingClusterError, RefusedError
from headrace.home import home
from headrace.kafka.allow_list import PUBLIC_TEXTS, REGISTRY_SETTINGS, SECRET_SETTINGS, Setting, check_settings
from headrace.kafka.secrets import is_reference, read_reference

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT_FILE = "headrace.toml"
USER_FILE = "clusters.toml"
CLUSTER_VARIABLE = "HEADRACE_CLUSTER"

_ADDRESSES = re.compile(r"[^\s,]+:\d{1,5}(?:,[^\s,]+:\d{1,5})*", re.ASCII)


@dataclass(frozen=True)
class Cluster:
    """A Kafka cluster, by name and settings. It holds references to secrets, never secrets.

    Attributes:
        name: its name, or ``HOST:PORT`` where it has none.
        settings: librdkafka's setting names with their values; checked when the object is made.

    Raises:
        UnsafeSettingError: a setting outside the allow-list.
        SecretError: a secret that is not a reference.
        UsageError: no usable ``bootstrap.servers``.
    """

    name: str
    settings: Mapping[str, Setting] = field(repr=False)

    def __post_init__(self) -> None:
        check_settings(self.name, self.settings)
        object.__setattr__(self, "settings", MappingProxyType(dict(self.settings)))

    def __hash__(self) -> int:
        return hash((self.name, tuple(sorted(self.settings.items()))))

    def __reduce__(self) -> tuple[type[Cluster], tuple[str, dict[str, Setting]]]:
        return Cluster, (self.name, dict(self.settings))

    @classmethod
    def at(cls, address: str) -> Cluster:
        """Return the cluster at ``HOST:PORT``, spoken to without encryption or password."""
        return cls(address, {"bootstrap.servers": address})

    @property
    def address(self) -> str:
        """Its ``bootstrap.servers``."""
        return str(self.settings["bootstrap.servers"])

    def client_settings(self) -> dict[str, Setting]:
        """Return the settings for a client, with secrets read from where their references lead.

        To be called when the client is made and not kept. The settings of the schema registry are not among them.

        Raises:
            SecretError: a reference leads nowhere.
        """
        own = (item for item in self.settings.items() if item[0] not in REGISTRY_SETTINGS)
        return {name: _resolved(name, value) for name, value in own}


def resolve_cluster(name: str | None, start: Path | None = None) -> Cluster:
    """Return the cluster that is meant.

    It is ``name``; else the default of the project's ``headrace.toml`` (top-level ``cluster = "NAME"``); else
    ``$HEADRACE_CLUSTER``. A name is looked up in the project's file, then in the user's own ``clusters.toml``;
    ``HOST:PORT`` (or several with commas) is a cluster by itself.

    Args:
        name: what was asked for, or None.
        start: folder from which ``headrace.toml`` is searched upwards; the working directory by default.

    Raises:
        MissingClusterError: no cluster was named, or none has that name.
        RefusedError: a file is not TOML, or its tables are not clusters.
        UnsafeSettingError: the definition has a setting outside the allow-list.
        SecretError: the definition holds a secret.
    """
    project = find_project_file(start)
    chosen = name or _project_default(project) or os.environ.get(CLUSTER_VARIABLE)
    if not chosen:
        message = "No cluster was named."
        hint = (
            f"Name one by --cluster (a name, or HOST:PORT), by {CLUSTER_VARIABLE}, or as default in {PROJECT_FILE}; "
            "`headrace broker start` gives you one at 127.0.0.1:9092."
        )
        raise MissingClusterError(message, hint=hint)
    if _ADDRESSES.fullmatch(chosen):
        return Cluster.at(chosen)
    known: set[str] = set()
    for path in _definition_files(project):
        definitions = _tables(_read_toml(path), path)
        if chosen in definitions:
            return Cluster(chosen, definitions[chosen])
        known |= definitions.keys()
    message = f"There is no cluster `{chosen}`."
    listed = f"Known are {', '.join(f'`{other}`' for other in sorted(known))}." if known else "None is defined."
    raise MissingClusterError(message, hint=f"{listed} Define it as [clusters.{chosen}] in {PROJECT_FILE}.")


def find_project_file(start: Path | None = None) -> Path | None:
    """Return the nearest ``headrace.toml`` in ``start`` (the working directory by default) or above it."""
    folder = (start or Path.cwd()).absolute()
    candidates = (parent / PROJECT_FILE for parent in (folder, *folder.parents))
    return next((path for path in candidates if path.is_file()), None)


def user_files() -> tuple[Path, ...]:
    """Return where the user's own clusters may be defined."""
    configuration = Path(platformdirs.user_config_dir("headrace", appauthor=False))
    return configuration / USER_FILE, home() / USER_FILE


def _definition_files(project: Path | None) -> Iterator[Path]:
    if project:
        yield project
    yield from (path for path in user_files() if path.is_file())


def _project_default(project: Path | None) -> str | None:
    if project is None:
        return None
    default = _read_toml(project).get("cluster")
    if default is not None and not isinstance(default, str):
        message = f"`cluster` in {project} is not text."
        raise RefusedError(message, hint='Write: cluster = "NAME".')
    return default


def _read_toml(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        message = f"{path} is not valid TOML: {error}."
        raise RefusedError(message) from error


def _tables(document: Mapping[str, object], path: Path) -> dict[str, dict[str, Setting]]:
    clusters = document.get("clusters", {})
    if not isinstance(clusters, dict) or not all(isinstance(table, dict) for table in clusters.values()):
        message = f"`clusters` in {path} is not made of tables."
        raise RefusedError(message, hint='Write: [clusters.NAME], then "bootstrap.servers" = "HOST:PORT".')
    return {name: dict(_flatten(table)) for name, table in clusters.items()}


def _flatten(table: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, Setting]]:
    """Undo TOML's reading of ``sasl.username = ...`` without quotes as tables within tables."""
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flatten(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value  # type: ignore[misc]  # `check_settings` looks at the type


def _resolved(name: str, value: Setting) -> Setting:
    if name in SECRET_SETTINGS:
        return read_reference(str(value))
    if name in PUBLIC_TEXTS and is_reference(str(value)):
        return read_reference(str(value), secret=False)
    return value

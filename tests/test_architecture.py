"""The shape of the code: import arrows, what the runner may import, file lengths, public names."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

import headrace

ROOT = Path(__file__).resolve().parent.parent
MOST_LINES = 400
EMPTY_NAMES = {"common", "core", "helper", "helpers", "manager", "misc", "util", "utils"}
SUFFIXES = {".js", ".mjs", ".py", ".ts", ".tsx"}
OF_JUPYTER_GIT_AND_MODELS = {"IPython", "git", "ipykernel", "jupyter_client", "jupyter_server", "jupyterlab", "mlflow"}


def tracked_files() -> list[Path]:
    """The files that git knows, or would take: not what was built or installed here."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    files = [ROOT / name for name in listed.stdout.split("\0") if name]
    return [file for file in files if file.is_file()]


def imported_by(statement: str) -> set[str]:
    """The top-level packages that a fresh interpreter has imported after a statement."""
    program = f"{statement}\nimport sys; print(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, text=True)
    return set(done.stdout.splitlines()[-1].split())


def test_import_arrows_point_one_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert lint_imports(cache_dir=None) == EXIT_STATUS_SUCCESS


@pytest.mark.parametrize(
    "module", ["headrace.spec", "headrace.engine.runner", "headrace.kafka.clients", "headrace.cli.run"]
)
def test_the_runner_imports_nothing_of_jupyter_git_or_models(module: str) -> None:
    assert imported_by(f"import {module}") & OF_JUPYTER_GIT_AND_MODELS == set()


def test_the_command_line_asks_for_help_without_loading_what_it_runs() -> None:
    loaded = imported_by("import headrace.cli.main")
    assert loaded & {"confluent_kafka", "pandas", "polars", "pyarrow", *OF_JUPYTER_GIT_AND_MODELS} == set()


def test_a_kernel_never_imports_the_server_side() -> None:
    assert "jupyter_server" not in imported_by("import headrace; headrace.stream; import headrace.notebook")


def test_files_stay_short() -> None:
    lengths = {
        str(file.relative_to(ROOT)): len(file.read_text(encoding="utf-8").splitlines())
        for file in tracked_files()
        if file.suffix in SUFFIXES
    }
    assert len(lengths) > 50
    assert {name: lines for name, lines in lengths.items() if lines > MOST_LINES} == {}


def test_no_module_has_a_name_that_says_nothing() -> None:
    named = [file for file in tracked_files() if file.suffix in SUFFIXES]
    assert [str(file.relative_to(ROOT)) for file in named if file.stem.lower() in EMPTY_NAMES] == []


def test_public_names() -> None:
    assert headrace.__all__ == ["__version__", "load_ipython_extension", "resample", "stream", "streams"]
    assert [name for name in headrace.__all__ if not hasattr(headrace, name)] == []
    with pytest.raises(AttributeError, match="no_such_name"):
        headrace.no_such_name  # noqa: B018

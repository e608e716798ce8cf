"""Repositories with committed stream folders, as `headrace commit` leaves them."""

from __future__ import annotations

import subprocess
from pathlib import Path

from headrace.spec import ColumnType, StreamDocument, StreamSpec, to_yaml

TRANSFORM = """from __future__ import annotations

import pandas as pd


def transform(df: pd.DataFrame) -> pd.DataFrame:
    return df[df.value >= 0].assign(double=df.value * 2)
"""


def git(folder: Path, *arguments: str) -> str:
    """Run git in ``folder`` and return what it prints."""
    identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "init.defaultBranch=main")
    command = ["git", *identity, "-C", str(folder), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def write_stream(folder: Path, spec: StreamSpec, transform: str = TRANSFORM, *, repartition: bool = False) -> None:
    """Write a stream folder as a commit of the notebook would; a `--time` column is there as well."""
    folder.mkdir(parents=True, exist_ok=True)
    types: dict[str, ColumnType] = {"id": "int64", "value": "float64"}
    if spec.time:
        types[spec.time] = "datetime64[us, UTC]"
    document = StreamDocument(
        spec=spec, input=types, output={"id": "int64"}, never_null=("id",), repartition=repartition
    )
    (folder / "stream.yaml").write_text(to_yaml(document))
    (folder / "transform.py").write_text(transform)


def make_repository(root: Path, spec: StreamSpec, *, repartition: bool = False) -> Path:
    """Make a repository with one committed stream folder, and return that folder."""
    folder = root / "streams" / spec.name
    root.mkdir(parents=True, exist_ok=True)
    git(root, "init", "--quiet")
    write_stream(folder, spec, repartition=repartition)
    (root / "headrace.toml").write_text("# settings of the project\n")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", f"Add {spec.name} in {root}")
    return folder

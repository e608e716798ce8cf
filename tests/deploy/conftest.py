"""A repository with a committed stream folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from headrace.spec import StreamSpec
from projects import make_repository


@pytest.fixture
def stream_folder(tmp_path: Path) -> Path:
    """The committed stream folder ``streams/doubled`` of a repository of its own."""
    spec = StreamSpec(name="doubled", source="numbers", sinks=("numbers.doubled",))
    return make_repository(tmp_path / "project", spec)

"""A broker and a folder of a system test's own, gone afterwards."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from headrace.home import HOME_VARIABLE
from headrace.kafka.broker.jars import JARS_VARIABLE, jars_folder

from .broker import Broker


@contextmanager
def playground(keep: Path | None = None) -> Iterator[tuple[Broker, Path]]:
    """Start a broker with a data folder of its own, and stop it at the end, by SIGTERM too.

    Args:
        keep: a new folder that stays, instead of a temporary one.
    """
    if keep is not None:
        keep.mkdir(parents=True)
    folder = keep or Path(tempfile.mkdtemp(prefix="headrace-system-"))
    before = {name: os.environ.get(name) for name in (HOME_VARIABLE, JARS_VARIABLE)}
    os.environ[JARS_VARIABLE] = str(jars_folder())
    os.environ[HOME_VARIABLE] = str(folder / "broker")
    broker: Broker | None = None
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        broker = Broker()
        yield broker, folder
    finally:
        if broker is not None:
            broker.stop()
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        if keep is None:
            shutil.rmtree(folder, ignore_errors=True)


def _interrupt(*_: int | FrameType | None) -> None:
    """End as Ctrl-C does: what was started is stopped on the way out."""
    raise KeyboardInterrupt

"""One service under load for long: memory, open files and threads stay flat: ``python -m tests.system.soak``."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import psutil

from .data import flights, messages
from .feeder import Feeder
from .fleet import Fleet
from .playground import playground
from .rounds import PARTITIONS
from .streams import KINDS, write_folder
from .watcher import create_topics

_EVERY_SECONDS = 5.0
_WARM_UP = 0.2
"""The share of the time that does not count: what is loaded once is no leak."""
_MOST_GROWTH = {"rss_mb": 0.10, "files": 0.05, "threads": 0.05}
"""By how much of its middle value a figure may grow over the time that counts."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a process took at a moment: seconds since the start, megabytes, open files, threads."""

    at: float
    rss_mb: float
    files: float
    threads: float


@click.command()
@click.option("--minutes", default=30.0, show_default=True)
@click.option("--kind", default="lookback", show_default=True, type=click.Choice(list(KINDS)))
@click.option("--rate", default=2_000, show_default=True, help="Records a second.")
@click.option("--days", default=20, show_default=True, help="Of event time a minute: so that histories are full early.")
def main(minutes: float, kind: str, rate: int, days: int) -> None:
    """Feed a service steadily and look at its process."""
    with playground() as (broker, folder):
        chosen = KINDS[kind]
        names = [f"soak.{part}" for part in ("in", "out", "out.dlq", "out.late")]
        extra = ["headrace.soak.state", "headrace.soak.by-tailnum"]
        create_topics(broker.address, [*names, *extra], PARTITIONS)
        stream = write_folder(folder, chosen, "soak", names[0], names[1], "exactly-once")
        fleet = Fleet(stream, broker.address, folder / "home", 0)
        feeder = Feeder(broker.address, names[0])
        fleet.start(0)
        try:
            looks = _watch(fleet, feeder, minutes * 60, rate, days, keyed=chosen.keyed)
        finally:
            fleet.stop()
    sys.exit(0 if _report(looks) else 1)


def _watch(fleet: Fleet, feeder: Feeder, seconds: float, rate: int, days: int, *, keyed: bool) -> list[Look]:
    frame = flights(max(int(rate * seconds), 1_000), 1)
    step = days * 86_400 / 60 / rate
    start = frame.time.min()
    frame = frame.assign(time=(start + (frame.number * step * 1e6).astype("timedelta64[us]")).astype(frame.time.dtype))
    process = psutil.Process(fleet.process(0).pid)
    began, sent = time.monotonic(), 0
    looks: list[Look] = []
    while (now := time.monotonic() - began) < seconds:
        due = min(int(now * rate), len(frame))
        feeder.send(messages(frame.iloc[sent:due], keyed=keyed))
        sent = due
        assert not fleet.ends, f"the service ended: {fleet.ends}"
        fleet.tend()
        if not looks or now - looks[-1].at >= _EVERY_SECONDS:
            looks.append(_look(process, now))
            click.echo(f"  {now:6.0f} s  {sent:>10,} records  {looks[-1]}", err=True)
        time.sleep(0.1)
    return looks


def _look(process: psutil.Process, at: float) -> Look:
    return Look(
        at,
        process.memory_info().rss / 2**20,
        len(list(Path(f"/proc/{process.pid}/fd").iterdir())),
        process.num_threads(),
    )


def _report(looks: list[Look]) -> bool:
    """Print the middle value and the growth of each figure over the time that counts; return whether all are flat."""
    counted = [look for look in looks if look.at >= looks[-1].at * _WARM_UP]
    times = np.array([look.at for look in counted])
    flat = True
    for name, most in _MOST_GROWTH.items():
        values = np.array([getattr(look, name) for look in counted])
        growth = float(np.polyfit(times, values, 1)[0] * (times[-1] - times[0]) / np.median(values))
        flat &= growth <= most
        said = "flat" if growth <= most else "GROWS"
        click.echo(
            f"{name:8} median {np.median(values):8.1f}, highest {values.max():8.1f}, trend {growth:+.1%}: {said}"
        )
    return flat


if __name__ == "__main__":
    main()

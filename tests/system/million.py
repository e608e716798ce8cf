"""Streams of every kind over a million records: 20 kills and replicas 1, 3, 2: ``python -m tests.system.million``."""

from __future__ import annotations

import sys
from pathlib import Path
from random import Random

import click

from .chaos import described, table
from .playground import playground
from .rounds import Outcome, Round
from .schedule import kills_and_rescales
from .streams import KINDS

_REPLICAS = [3, 2]
"""To how many replicas a stream is brought, one after the other; it begins with one."""


@click.command()
@click.option("--records", default=1_000_000, show_default=True)
@click.option("--kills", default=20, show_default=True)
@click.option("--kind", "kinds", multiple=True, type=click.Choice(list(KINDS)), help="Of stream; all by default.")
@click.option("--rate", default=30_000, show_default=True, help="Records a second that a service may take.")
@click.option("--seed", default=1, show_default=True)
@click.option("--keep", type=click.Path(path_type=Path), default=None, help="Keep topics and logs in this new folder.")
def main(records: int, kills: int, kinds: tuple[str, ...], rate: int, seed: int, keep: Path | None) -> None:
    """Run each kind once and compare all of its outputs with plain pandas."""
    outcomes: list[Outcome] = []
    failed: list[str] = []
    with playground(keep) as (broker, folder):
        for kind in kinds or KINDS:
            schedule = kills_and_rescales(Random(f"{seed}/{kind}"), kills, records, _REPLICAS)
            click.echo(f"{kind}: {records:,} records, {kills} kills, replicas 1, 3, 2")
            played = Round(KINDS[kind], "exactly-once", records, seed, schedule, 1, rate, None, _say_little)
            try:
                outcome = played.run(broker, folder / kind)
            except AssertionError as error:
                failed.append(f"{kind}: {error}")
                click.echo(f"  FAILED: {error}")
                continue
            outcomes.append(outcome)
            click.echo(described(outcome))
    click.echo(table(outcomes))
    sys.exit(1 if failed or not all(outcome.holds for outcome in outcomes) else 0)


def _say_little(text: str) -> None:
    click.echo(text, err=True)


if __name__ == "__main__":
    main()

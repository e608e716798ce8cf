"""Faults at random points, many of them: ``python -m tests.system.chaos --faults 100 --records 1000000``.

Every round prints the command that replays it. Exit status 1 when a promise was broken.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from pathlib import Path
from random import Random

import click

from .faults import FAULTS, Expire
from .playground import playground
from .rounds import Outcome, Round
from .schedule import drawn
from .streams import KINDS

_ALL = [
    *((kind, "exactly-once") for kind in KINDS),
    ("stateless", "at-least-once"),
    ("lookback", "at-least-once"),
    ("repartition", "at-least-once"),
    ("repartition-window", "at-least-once"),
]
_FAULTS_BEFORE_EXPIRY = 8


@click.command()
@click.option("--faults", "count", default=100, show_default=True, help="In all rounds together, at least.")
@click.option("--records", default=1_000_000, show_default=True, help="In all rounds together, at least.")
@click.option("--seed", type=int, default=None, help="Of data and faults; a new one by default.")
@click.option("--kind", "kinds", multiple=True, type=click.Choice(list(KINDS)), help="Of stream; all by default.")
@click.option("--delivery", type=click.Choice(["exactly-once", "at-least-once"]), default=None)
@click.option("--fault", "names", multiple=True, type=click.Choice(list(FAULTS)), help="All kinds by default.")
@click.option("--rate", default=6_000, show_default=True, help="Records a second that a service may take.")
@click.option("--keep", type=click.Path(path_type=Path), default=None, help="Keep topics and logs in this new folder.")
def main(
    count: int,
    records: int,
    seed: int | None,
    kinds: tuple[str, ...],
    delivery: str | None,
    names: tuple[str, ...],
    rate: int,
    keep: Path | None,
) -> None:
    """Let things go wrong, and count what was lost or doubled."""
    seed = int(time.time()) if seed is None else seed
    chosen = [(kind, delivery or "exactly-once") for kind in kinds] or [
        pair for pair in _ALL if delivery in {None, pair[1]}
    ]
    each, share = -(-count // len(chosen)), -(-records // len(chosen))
    outcomes: list[Outcome] = []
    failed: list[str] = []
    with playground(keep) as (broker, folder):
        for number, (kind, promise) in enumerate(chosen):
            random = Random(f"{seed}/{kind}/{promise}")
            expires = each >= _FAULTS_BEFORE_EXPIRY and not names
            schedule = drawn(random, each - expires, share, list(names) or list(FAULTS))
            options = "".join(f" --fault {name}" for name in names)
            click.echo(f"{kind}, {promise}: {share:,} records, {each} faults. Again:")
            click.echo(
                f"    python -m tests.system.chaos --seed {seed} --kind {kind} --delivery {promise} --faults {each} "
                f"--records {share} --rate {rate}{options}"
            )
            for strike in schedule:
                click.echo(f"    {strike}")
            last = Expire.draw(random) if expires else None
            played = Round(KINDS[kind], promise, share, seed, schedule, 2, rate, last, click.echo)
            try:
                outcome = played.run(broker, folder / f"{kind}-{number}")
            except AssertionError as error:
                failed.append(f"{kind}, {promise}: {error}")
                click.echo(f"  FAILED: {error}")
                continue
            outcomes.append(outcome)
            click.echo(described(outcome))
    click.echo(table(outcomes))
    for line in failed:
        click.echo(f"FAILED: {line}")
    sys.exit(1 if failed or not all(outcome.holds for outcome in outcomes) else 0)


def described(outcome: Outcome) -> str:
    """Return what came of a round, in lines."""
    verdict = outcome.verdict
    line = (
        f"  {'holds' if outcome.holds else 'BROKEN'}: {verdict.records:,} records, {verdict.found:,} outputs of "
        f"{verdict.expected:,}, {verdict.lost} lost, {verdict.doubled} doubled, {verdict.foreign} foreign, "
        f"{verdict.wrong} wrong, {outcome.strays} dead letters or late; {outcome.seconds:.0f} s. {verdict.example}"
    )
    return "\n".join([line, *(f"    ended by itself: {end}" for end in outcome.ends)])


def table(outcomes: list[Outcome]) -> str:
    """Return all rounds and all faults as text."""
    head = (
        f"{'stream':20}{'delivery':15}{'faults':>7}{'records':>11}{'outputs':>11}{'lost':>6}{'doubled':>9}{'wrong':>7}"
    )
    lines = [head]
    for outcome in outcomes:
        verdict = outcome.verdict
        lines.append(
            f"{outcome.kind:20}{outcome.delivery:15}{outcome.faults.total():>7}{verdict.records:>11,}"
            f"{verdict.found:>11,}{verdict.lost:>6}{verdict.doubled:>9}{verdict.wrong + verdict.foreign:>7}"
        )
    faults = sum((outcome.faults for outcome in outcomes), Counter[str]())
    records = sum(outcome.verdict.records for outcome in outcomes)
    lines.append(f"faults: {', '.join(f'{name} {many}' for name, many in faults.most_common())}")
    for delivery in ("exactly-once", "at-least-once"):
        some = [outcome.verdict for outcome in outcomes if outcome.delivery == delivery]
        if some:
            lost, doubled = sum(one.lost for one in some), sum(one.doubled for one in some)
            lines.append(f"{delivery}: {lost} lost, {doubled} doubled")
    lines.append(f"{faults.total()} faults over {records:,} records")
    return "\n".join(lines)


if __name__ == "__main__":
    main()

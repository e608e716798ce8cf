"""Headrace and its peers on one broker, by turns, each with its outputs checked: ``make bench``.

    python -m bench.run [--workloads stateless,latency] [--contestants headrace,quix] [--runs 3] [--records N]
                        [--seconds 30] [--cluster HOST:PORT] [--write] [--json FILE]

Every run is of one contestant on topics of its own; rounds go through all contestants, so that what else the machine
does falls on all alike. Progress goes to stderr. Ctrl-C ends the contestant that runs, deletes its topics and stops
the broker, if it was started here.
"""

from __future__ import annotations

import json
import signal
import time
import uuid
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from types import FrameType

import click
from bench.contestants import CONTESTANTS, Contestant
from bench.report import write_report
from bench.topics import delete, fill, make_topic
from bench.trial import Outcome, Prepared, run_once
from bench.workloads import LATENCY_PER_S, WORKLOADS, Workload

from headrace.kafka import broker
from headrace.kafka.clusters import Cluster


def say(text: str) -> None:
    """Print progress."""
    click.echo(text, err=True)


def chosen(names: str | None, known: dict[str, Workload] | dict[str, Contestant], what: str) -> list[str]:
    """Return the names of a comma-separated list, all of them by default."""
    found = names.split(",") if names else list(known)
    if unknown := set(found) - set(known):
        message = f"{', '.join(sorted(unknown))}: no such {what}. There are {', '.join(known)}."
        raise click.UsageError(message)
    return found


@click.command()
@click.option("--workloads", help="Comma-separated; all by default.")
@click.option("--contestants", help="Comma-separated; all by default.")
@click.option("--runs", default=3, show_default=True, type=click.IntRange(1), help="Rounds; medians are reported.")
@click.option("--records", type=click.IntRange(1_000), help="Of each workload; by default its own number.")
@click.option("--seconds", default=30.0, show_default=True, help="The longest that one run may take.")
@click.option("--cluster", "address", help="HOST:PORT; the local broker by default, started when it does not run.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write every run's figures to a file.")
@click.option(
    "--from-json",
    "measured",
    type=click.Path(path_type=Path, exists=True),
    help="Run nothing; take the figures of an earlier --json.",
)
@click.option("--write", is_flag=True, help="Write the medians and a chart into docs/performance.md.")
def main(  # noqa: PLR0913  one for each option
    workloads: str | None,
    contestants: str | None,
    runs: int,
    records: int | None,
    seconds: float,
    address: str | None,
    json_file: Path | None,
    measured: Path | None,
    *,
    write: bool,
) -> None:
    """Measure and report."""
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, interrupt)
    if measured:
        write_report([Outcome(**each) for each in json.loads(measured.read_text(encoding="utf-8"))], say)
        return
    jobs = [WORKLOADS[name] for name in chosen(workloads, WORKLOADS, "workload")]
    named = chosen(contestants, CONTESTANTS, "contestant")
    taking_part = [CONTESTANTS[name] for name in named]
    own = address is None and not broker.status().running
    where = address or broker.start(0 if own else broker.DEFAULT_PORT, report=say).address
    outcomes: list[Outcome] = []
    try:
        for outcome in measure(Cluster.at(str(where)), jobs, taking_part, runs, records, seconds):
            outcomes.append(outcome)
            if json_file:  # after each, so that nothing is lost when one of the last goes wrong
                json_file.write_text(json.dumps([asdict(each) for each in outcomes], indent=1), encoding="utf-8")
    finally:
        if own:
            broker.stop()
    if write:
        write_report(outcomes, say)
    if wrong := [outcome for outcome in outcomes if outcome.problem]:
        say(f"{len(wrong)} of {len(outcomes)} runs had a problem.")


def interrupt(*_: int | FrameType | None) -> None:
    """End as Ctrl-C does: everything that was started is ended on the way out."""
    raise KeyboardInterrupt


def measure(
    cluster: Cluster,
    jobs: list[Workload],
    taking_part: list[Contestant],
    runs: int,
    records: int | None,
    seconds: float,
) -> Iterator[Outcome]:
    """Run every contestant ``runs`` times in every workload that it takes part in."""
    began = time.monotonic()
    for workload in jobs:
        able = [contestant for contestant in taking_part if workload.name in contestant.deliveries]
        say(f"{workload.title} ({', '.join(contestant.name for contestant in able)})")
        prepared = prepare(cluster, workload, records, seconds)
        try:
            for number in range(runs):
                for contestant in able:
                    name = f"{contestant.name.replace('_', '-')}-{uuid.uuid4().hex[:8]}"
                    outcome = run_once(cluster, prepared, contestant, name, seconds, say)
                    elapsed = time.monotonic() - began
                    say(f"  {elapsed:5.0f} s  round {number + 1}  {contestant.name:14} {line(outcome)}")
                    yield outcome
        finally:
            if prepared.source:
                delete(cluster, [prepared.source])


def prepare(cluster: Cluster, workload: Workload, records: int | None, seconds: float) -> Prepared:
    """Make a workload's records, and put them into a topic unless they come paced."""
    if workload.paced:
        made, expected = workload.make(round(seconds * LATENCY_PER_S))
        return Prepared(workload, made, expected, None)
    made, expected = workload.make(records or workload.records)
    source = f"bench-{workload.name}-{uuid.uuid4().hex[:8]}"
    make_topic(cluster, source)
    fill(cluster, source, made)
    return Prepared(workload, made, expected, source)


def line(outcome: Outcome) -> str:
    """Return an outcome's figures in one line."""
    figures = outcome.figures
    parts = []
    if "records_per_s" in figures:
        parts = [f"{figures['records_per_s']:>9,.0f} records/s", f"{figures['cpu_us']:6.1f} µs CPU/record"]
        parts += [f"{figures['share']:.0%} done"] if figures["share"] < 1 else []
    elif figures:
        parts = [
            f"p50 {figures['p50_ms']:.0f} ms",
            f"p99 {figures['p99_ms']:.0f} ms",
            f"{figures['core']:.0%} of a core",
        ]
    parts += [f"{figures['rss_mb']:.0f} MB"] if figures else []
    parts += [f"{outcome.repeated} repeated"] if outcome.repeated else []
    return ", ".join([*parts, "all right" if outcome.problem is None else f"PROBLEM: {outcome.problem}"])


if __name__ == "__main__":
    main()

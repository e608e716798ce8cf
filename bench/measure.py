"""Measure one run of a contestant: how fast it works through a full topic."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from bench.process_tree import ProcessTree

LOOK_SECONDS = 0.02
SETTLED_SECONDS = 1.0


@dataclass(frozen=True)
class Progress:
    """Where a contestant was.

    Attributes:
        at: seconds on the monotonic clock.
        outputs: how many outputs were committed.
        cpu_s: processor time of its process tree so far.
    """

    at: float
    outputs: int
    cpu_s: float


@dataclass(frozen=True)
class Throughput:
    """What a run gave.

    Attributes:
        records_per_s: input records a second, from the first commit of outputs to the last.
        cpu_us: microseconds of processor time an input record, all processes and threads, over the same time.
        rss_mb: peak resident memory of the process tree, megabytes.
        share: how much of the outputs were there at the end, 1.0 for all.
        start_s: seconds from the start of the process to the first commit.
    """

    records_per_s: float
    cpu_us: float
    rss_mb: float
    share: float
    start_s: float


class ContestantError(Exception):
    """A contestant ended, or gave nothing; the message has its last words."""


def watch(
    tree: ProcessTree, outputs: Callable[[], int], complete: Callable[[], bool], expected: int, seconds: float
) -> list[Progress]:
    """Watch a contestant until all outputs are there, its own end, or the time is up.

    Args:
        tree: its processes.
        outputs: counts what is committed, cheaply; may count a little too much (commit markers).
        complete: counts exactly whether everything is there; asked when ``outputs`` stands still at ``expected``.
        expected: how many outputs there will be.
        seconds: how long it has, from its start on.

    Returns:
        Where it was each time that more outputs were there; at least one.

    Raises:
        ContestantError: it ended with a failure, or there was not one output.
    """
    began = time.monotonic()
    seen: list[Progress] = []
    asked = None
    while (now := time.monotonic()) - began < seconds:
        count, cpu = outputs(), tree.look()
        if count > (seen[-1].outputs if seen else 0):
            seen.append(Progress(now, count, cpu))
        elif tree.status is not None:
            break
        elif seen and count >= expected and now - seen[-1].at > SETTLED_SECONDS and asked != count:
            if complete():
                break
            asked = count
        time.sleep(LOOK_SECONDS)
    if tree.status not in {None, 0} or not seen:
        what = f"exit status {tree.status}" if tree.status is not None else f"no output in {seconds:.0f} s"
        message = f"{what}: {tree.last_words()}"
        raise ContestantError(message)
    return seen


def throughput(seen: list[Progress], began: float, records: int, expected: int, peak_rss: int) -> Throughput:
    """Return rate and cost between the first and the last commit.

    Outputs come from all of the input alike, so a share of the outputs is that share of the input. The first commit
    is where the clock starts, and what it brought is not counted: start-up does not count, and a contestant with large
    batches has no advantage from its first one.

    Raises:
        ContestantError: there was one commit only, so there is nothing to measure.
    """
    first, last = seen[0], seen[-1]
    if first is last:
        message = "all outputs came at once; more records are needed to measure a rate"
        raise ContestantError(message)
    # What is counted over `expected` are commit markers.
    whole = max(expected, last.outputs)
    done = records * (last.outputs - first.outputs) / whole
    return Throughput(
        records_per_s=done / (last.at - first.at),
        cpu_us=(last.cpu_s - first.cpu_s) / done * 1e6,
        rss_mb=peak_rss / 2**20,
        share=min(1.0, last.outputs / expected),
        start_s=first.at - began,
    )

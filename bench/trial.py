"""One run of one contestant: topics, process, measurement, and the check of its outputs."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pandas as pd
from bench.contestants import Contestant, Job
from bench.environments import NotInstalledError
from bench.latency import measure_latency
from bench.measure import ContestantError, throughput, watch
from bench.outputs import compare
from bench.process_tree import ProcessTree
from bench.topics import EndOffsets, delete, make_topic, read_values
from bench.workloads import Records, Workload, outputs_frame

from headrace.kafka.clusters import Cluster
from headrace.spec.names import state_topic


@dataclass(frozen=True)
class Prepared:
    """A workload whose records are made, and in their topic where they do not come paced.

    Attributes:
        workload: which.
        records: its records.
        expected: the outputs of a contestant that does the job.
        source: the filled topic; None where records come paced.
    """

    workload: Workload
    records: Records
    expected: pd.DataFrame
    source: str | None


@dataclass(frozen=True)
class Outcome:
    """What one run gave.

    Attributes:
        workload: which.
        contestant: who.
        delivery: its promise.
        figures: the fields of `Throughput` or `Latency`; empty when there are none.
        outputs: distinct outputs that were right.
        repeated: outputs that came again (at-least-once).
        problem: why there are no figures, or what was wrong with the outputs; None when all was right.
        load: the machine's over the last minute when the run ended; None where nobody noted it.
    """

    workload: str
    contestant: str
    delivery: str
    figures: dict[str, float] = field(default_factory=dict)
    outputs: int = 0
    repeated: int = 0
    problem: str | None = None
    load: float | None = None


def run_once(
    cluster: Cluster, prepared: Prepared, contestant: Contestant, name: str, seconds: float, say: Callable[[str], None]
) -> Outcome:
    """Run a contestant once, at most ``seconds`` long, and check its outputs; its topics are deleted afterwards."""
    workload = prepared.workload
    delivery = contestant.deliveries[workload.name]
    source, sink = prepared.source or f"{name}-in", f"{name}-out"
    topics = [sink, f"{sink}.dlq", f"{sink}.late", state_topic(name), *([] if prepared.source else [source])]
    for topic in topics:
        make_topic(cluster, topic)
    goal = wanted(prepared, contestant)
    figures: dict[str, float] = {}
    outputs, repeated, problem = 0, 0, None
    with tempfile.TemporaryDirectory(prefix="headrace-bench-") as folder:
        sample = prepared.records.values[:20_000]
        job = Job(name, workload.name, cluster.address, source, sink, delivery, Path(folder), sample)
        try:
            command = contestant.command(job, say)
            with ProcessTree(command, Path(folder) / "log.txt") as tree:
                if workload.paced:
                    found = measure_latency(cluster, tree, source, sink, prepared.records, seconds)
                    figures = asdict(found)
                else:
                    figures = measured(cluster, tree, prepared, len(goal), sink, seconds)
            whole = not workload.paced and figures["share"] >= 1
            finding = compare(
                read_values(cluster, sink),
                goal,
                workload,
                may_repeat=delivery == "at-least-once",
                whole=whole,
            )
            outputs, repeated, problem = finding.rows, finding.repeated, finding.problem
        except (ContestantError, NotInstalledError) as error:
            problem = str(error)
        finally:
            delete(cluster, [name])
    return Outcome(workload.name, contestant.name, delivery, figures, outputs, repeated, problem, os.getloadavg()[0])


def measured(
    cluster: Cluster, tree: ProcessTree, prepared: Prepared, expected: int, sink: str, seconds: float
) -> dict[str, float]:
    """Return the figures of a run over a full topic that must give ``expected`` outputs."""
    began = time.monotonic()

    def complete() -> bool:
        identity = list(prepared.workload.identity)
        found = outputs_frame(read_values(cluster, sink), prepared.workload)
        return len(found.drop_duplicates(identity)) >= expected

    seen = watch(tree, EndOffsets(cluster, sink).total, complete, expected, seconds)
    return asdict(throughput(seen, began, len(prepared.records.values), expected, tree.peak_rss))


def wanted(prepared: Prepared, contestant: Contestant) -> pd.DataFrame:
    """Return the outputs that a contestant should give: the records themselves where it only copies."""
    return outputs_frame(prepared.records.values, prepared.workload) if contestant.copies else prepared.expected

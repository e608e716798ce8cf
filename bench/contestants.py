"""Who takes part in what, and how each is started."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from bench.environments import PEERS, python_of
from bench.jars import class_path, compiled, fetch_jars, java_program

from headrace.kafka.inference import infer_from_values
from headrace.spec import TIME_TYPE, ColumnType, StreamDocument, StreamSpec, to_yaml

Delivery = Literal["exactly-once", "at-least-once"]
Say = Callable[[str], None]


@dataclass(frozen=True)
class Job:
    """One run of a contestant.

    Attributes:
        name: of this run alone; names the consumer group and the transactional id.
        workload: which job.
        address: the broker's, ``HOST:PORT``.
        source: the topic of the records.
        sink: the topic for the outputs; it is there.
        delivery: what the contestant must promise.
        folder: an empty folder for whatever the contestant stores.
        sample: some records' values.
    """

    name: str
    workload: str
    address: str
    source: str
    sink: str
    delivery: Delivery
    folder: Path
    sample: list[bytes] = field(default_factory=list)


@dataclass(frozen=True)
class Contestant:
    """A program that takes part.

    Attributes:
        name: as ``--contestants`` takes it; also its folder under ``peers``.
        title: as the report has it.
        deliveries: the promise it makes in each workload that it takes part in.
        command: ``command(job, say)`` gives the program and its arguments; installs what is missing.
        copies: it hands records on unchanged; what must come out are the inputs themselves.
    """

    name: str
    title: str
    deliveries: dict[str, Delivery]
    command: Callable[[Job, Say], list[str]]
    copies: bool = False


def own_python(name: str) -> Callable[[Job, Say], list[str]]:
    """Return the command of a program that runs in our own environment."""
    return lambda job, _: [sys.executable, str(PEERS / name / "run.py"), *arguments(job)]


def peers_python(name: str) -> Callable[[Job, Say], list[str]]:
    """Return the command of a program that runs in an environment of its own."""
    return lambda job, say: [str(python_of(name, say)), str(PEERS / name / "run.py"), *arguments(job)]


def arguments(job: Job) -> list[str]:
    """Return what every program takes: address, name, source, sink, workload, delivery, folder."""
    return [job.address, job.name, job.source, job.sink, job.workload, job.delivery, str(job.folder)]


def headrace(job: Job, _: Say) -> list[str]:
    """Write the stream folder as a commit has it, and return `headrace run`."""
    declared = {
        "stateless": {"key": "tailnum", "time": "time_hour"},
        "latency": {"key": "tailnum", "time": "time_hour"},
        "tumbling": {"key": "sensor", "time": "time", "window": "tumbling=1min", "idle": "1h"},
        "lookback": {"key": "sensor", "time": "time", "lookback": "6h"},
    }[job.workload]
    spec = StreamSpec.model_validate({"name": job.name, "source": job.source, "sinks": (job.sink,), **declared})
    types: dict[str, ColumnType] = dict(infer_from_values(job.sample).columns)
    types[declared["time"]] = TIME_TYPE
    document = StreamDocument(spec=spec, input=types, windows_at_once=job.workload == "tumbling")
    folder = job.folder / job.name
    folder.mkdir()
    (folder / "stream.yaml").write_text(to_yaml(document), encoding="utf-8")
    cell = {"latency": "stateless"}.get(job.workload, job.workload)
    shutil.copy(PEERS / "headrace" / f"{cell}.py", folder / "transform.py")
    return [sys.executable, "-m", "headrace", "run", str(folder), "--cluster", job.address]


def kafka_streams(job: Job, say: Say) -> list[str]:
    """Compile the program where it has changed, and return the command."""
    jars = fetch_jars("kafka_streams", say)
    classes = compiled("kafka_streams", jars, say)
    quiet = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
    return [java_program("java"), "-Xmx1g", quiet, "-cp", class_path([classes, *jars]), "App", *arguments(job)]


def spark(job: Job, say: Say) -> list[str]:
    """Fetch the Kafka connector, see to it that there is a Java, and return the command."""
    java_program("java")
    return [*peers_python("spark")(job, say), class_path(fetch_jars("spark", say))]


CONTESTANTS = {
    contestant.name: contestant
    for contestant in (
        Contestant(
            "headrace",
            "Headrace",
            dict.fromkeys(("stateless", "tumbling", "lookback", "latency"), "exactly-once"),
            headrace,
        ),
        Contestant(
            "bare_loop",
            "bare confluent-kafka loop (the limit)",
            dict.fromkeys(("stateless", "latency"), "exactly-once"),
            own_python("bare_loop"),
            copies=True,
        ),
        Contestant(
            "record_loop",
            "hand-written loop, orjson per record",
            dict.fromkeys(("stateless", "latency"), "exactly-once"),
            own_python("record_loop"),
        ),
        Contestant(
            "quix",
            "Quix Streams",
            {
                "stateless": "exactly-once",
                "tumbling": "at-least-once",
                "lookback": "at-least-once",
                "latency": "exactly-once",
            },
            peers_python("quix"),
        ),
        Contestant(
            "kafka_streams",
            "Kafka Streams (Java, one thread)",
            dict.fromkeys(("stateless", "tumbling", "lookback", "latency"), "exactly-once"),
            kafka_streams,
        ),
        # Its exactly-once sends outputs outside of its transactions: to topics that it does not also consume.
        Contestant(
            "faust",
            "Faust",
            dict.fromkeys(("stateless", "tumbling", "lookback", "latency"), "at-least-once"),
            peers_python("faust"),
        ),
        Contestant(
            "bytewax",
            "Bytewax",
            dict.fromkeys(("stateless", "tumbling", "lookback", "latency"), "at-least-once"),
            peers_python("bytewax"),
        ),
        Contestant(
            "spark",
            "Spark (Python, two threads)",
            dict.fromkeys(("stateless", "tumbling", "lookback", "latency"), "at-least-once"),
            spark,
        ),
    )
}

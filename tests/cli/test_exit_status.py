"""Exit status 0, 1 or 2, errors to stderr, and nothing of them on stdout."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from command_line import headrace
from headrace.kafka.clusters import Cluster
from headrace.kafka.topics import list_topics
from notebook_files import write_notebook
from service_process import fill

MakeTopic = Callable[..., str]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["no-such-command"], "No such command"),
        (["replay", "flights"], "--to"),
        (
            ["replay", "flights", "--to", "t", "--speed", "1", "--rate", "1", "--cluster", "127.0.0.1:1"],
            "exclude each other",
        ),
        (["sample", "t", "--sample", "some", "--cluster", "127.0.0.1:1"], "some"),
        (["deploy", ".", "--replicas", "0"], "--replicas"),
        (["scale", "s", "many"], "many"),
        (["commit", "a.ipynb"], "STREAM"),
    ],
    ids=str,
)
def test_wrong_usage_is_2(words: list[str], said: str, tmp_path: Path) -> None:
    answer = headrace(
        *words, *(["--cluster", "127.0.0.1:1"] if words[0] in {"replay", "sample"} else []), folder=tmp_path
    )
    assert answer.status == 2, answer
    assert said in answer.errors
    assert not answer.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["check", "missing.ipynb"], "missing.ipynb"),
        (["commit", "missing.ipynb", "s"], "is in no Git repository"),
        (["test", "."], "holds no stream folder"),
        (["logs", "nothing"], "There is no service `nothing`"),
        (["stop", "nothing"], "There is no service `nothing`"),
        (["topics", "--cluster", "nowhere"], "nowhere"),
    ],
    ids=str,
)
def test_what_is_not_there_is_1(words: list[str], said: str, tmp_path: Path) -> None:
    answer = headrace(*words, "--json", folder=tmp_path)
    assert answer.status == 1, answer
    assert answer.errors.startswith("error: ")
    assert said in answer.errors
    assert not answer.output


def test_a_missing_topic_is_1_and_is_not_made(cluster: Cluster) -> None:
    answer = headrace("sample", "no-such-topic", "--cluster", cluster.address)
    assert answer.status == 1
    assert "There is no topic `no-such-topic`" in answer.errors
    assert not answer.output
    assert "no-such-topic" not in {topic.name for topic in list_topics(cluster)}


def test_a_name_that_no_cell_defines_is_1_and_nothing_is_committed(
    cluster: Cluster, make_topic: MakeTopic, tmp_path: Path
) -> None:
    topic = make_topic("commit")
    fill(cluster, topic, [b'{"a": %d}' % number for number in range(40)])
    write_notebook(tmp_path / "n.ipynb", f"%%stream s --from {topic} --to b\ndf[df.a > THRESHOLD]")
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    for setting in ("user.name=Ada", "user.email=ada@example.org"):
        subprocess.run(["git", "config", *setting.split("=")], cwd=tmp_path, check=True)
    answer = headrace("commit", "n.ipynb", "s", "--cluster", cluster.address, "--json", folder=tmp_path)
    assert answer.status == 1
    assert "THRESHOLD" in answer.errors
    assert not answer.output
    log = subprocess.run(["git", "log"], cwd=tmp_path, capture_output=True, check=False)
    assert not log.stdout

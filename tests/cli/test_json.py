"""With `--json` stdout is one JSON document with the keys that scripts rely on, whatever happens."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from command_line import headrace
from headrace.kafka.clusters import Cluster
from notebook_files import write_notebook
from service_process import fill

MakeTopic = Callable[..., str]

CHECK_KEYS = {
    "stream",
    "rows_in",
    "rows_out",
    "filtered",
    "failed",
    "equal",
    "difference",
    "suggestion",
    "rewrite",
    "reason",
}


@pytest.fixture
def project(tmp_path: Path, cluster: Cluster, make_topic: MakeTopic) -> Path:
    """A repository with a notebook of two streams: `plain` is equal, `summed` differs."""
    topic = make_topic("json")
    fill(cluster, topic, [b'{"a": %d, "b": "x"}' % number for number in range(200)])
    plain = f"%%stream plain --from {topic} --to {topic}.out\ndf[df.a % 2 == 0].assign(c=lambda rows: rows.a * FACTOR)"
    summed = f"%%stream summed --from {topic} --to {topic}.sum\ndf.assign(total=df.a.cumsum())"
    write_notebook(tmp_path / "n.ipynb", "FACTOR = 3", plain, summed)
    (tmp_path / "headrace.toml").write_text(
        f'cluster = "here"\n[clusters.here]\n"bootstrap.servers" = "{cluster.address}"\n', encoding="utf-8"
    )
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    for name, value in (("user.name", "Ada"), ("user.email", "ada@example.org")):
        subprocess.run(["git", "config", name, value], cwd=tmp_path, check=True)
    return tmp_path


def test_topics_replay_sample_and_services(cluster: Cluster, make_topic: MakeTopic, tmp_path: Path) -> None:
    topic = make_topic("shown")
    (tmp_path / "rows.csv").write_text("id,name\n1,a\n2,b\n3,c\n", encoding="utf-8")
    words = ("--cluster", cluster.address, "--json")
    sent = headrace("replay", tmp_path / "rows.csv", "--to", topic, "--skip", "1", "--key", "id", *words)
    assert sent.status == 0, sent
    assert sent.document["records"] == 2
    shown = headrace("topics", *words)
    assert {"name": topic, "partitions": 4, "records": 2} in shown.document["topics"]
    lines = headrace("sample", topic, *words).lines
    assert sorted(line["key"] for line in lines) == ["2", "3"]
    assert set(lines[0]) == {"partition", "offset", "timestamp", "key", "value", "headers"}
    assert headrace("services", *words).document == []
    assert headrace("broker", "status", "--json").document["running"] is True


def test_check_says_what_differs_with_status_1(project: Path) -> None:
    answer = headrace("check", "n.ipynb", "--json", folder=project)
    assert answer.status == 1, answer
    plain, summed = answer.document
    assert set(plain) >= CHECK_KEYS
    assert (plain["stream"], plain["equal"], plain["rows_in"], plain["rows_out"]) == ("plain", True, 200, 100)
    assert (plain["filtered"], plain["failed"], plain["difference"]) == (100, 0, None)
    assert summed["equal"] is False
    assert set(summed["difference"]) >= {"partition", "offset", "column", "whole", "split"}
    assert summed["difference"]["column"] == "total"


def test_check_applies_what_it_suggests(project: Path) -> None:
    path = project / "n.ipynb"
    text = path.read_text(encoding="utf-8").replace("df.a.cumsum()", "df.groupby('b').a.diff()")
    path.write_text(text, encoding="utf-8")
    before = headrace("check", "n.ipynb", "summed", "--json", folder=project)
    assert (before.status, before.document["suggestion"]) == (1, "--key b --lookback 1rows"), before
    assert path.read_text(encoding="utf-8") == text
    after = headrace("check", "n.ipynb", "summed", "--apply", "--json", folder=project)
    assert (after.status, after.document["equal"], after.document["suggestion"]) == (0, True, None), after
    assert ".sum --key b --lookback 1rows" in path.read_text(encoding="utf-8")
    again = headrace("check", "n.ipynb", "--apply", folder=project)
    assert again.status == 0
    assert "There is no suggestion to apply." in again.errors


def test_a_chain_is_checked_and_committed_before_its_topics_are_there(project: Path) -> None:
    source = (project / "n.ipynb").read_text(encoding="utf-8").split("--from ")[1].split()[0]
    middle = f"{source}.even"
    write_notebook(
        project / "chain.ipynb",
        f"%%stream even --from {source} --to {middle}\ndf[df.a % 2 == 0]",
        f"%%stream doubled --from {middle} --to {middle}.doubled\ndf.assign(d=df.a * 2)",
        f"%%stream steps --from {middle}.doubled --to {middle}.steps --key b --lookback 1rows\n"
        'df.assign(step=df.groupby("b").d.diff())',
        f"%%stream round --from {middle}.back --to {middle}.forth\ndf",
        f"%%stream about --from {middle}.forth --to {middle}.back\ndf",
    )
    checked = headrace("check", "chain.ipynb", "--json", folder=project)
    assert checked.status == 1, checked
    *chain, circle, _ = checked.document
    assert [(each["equal"], each["rows_in"], each["rows_out"]) for each in chain] == [
        (True, 200, 100),
        (True, 100, 100),
        (True, 100, 100),
    ]
    assert circle["refused"]
    assert "round -> about -> round read each other" in circle["reason"]
    done = headrace("commit", "chain.ipynb", "steps", "--json", folder=project)
    assert done.status == 0, done
    assert headrace("test", "--json", folder=project).status == 0


def test_commit_and_test(project: Path) -> None:
    tried = headrace("commit", "n.ipynb", "plain", "--dry-run", "--json", folder=project)
    assert tried.status == 0, tried
    assert tried.document["commit"] is None
    done = headrace("commit", "n.ipynb", "plain", "--json", folder=project)
    assert done.status == 0, done
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=project, capture_output=True, text=True, check=True)
    assert set(done.document) >= {"commit", "branch", "files", "message"}
    assert done.document["commit"] == head.stdout.strip()
    assert "streams/plain/transform.py" in done.document["files"]
    tested = headrace("test", "--json", folder=project)
    assert tested.status == 0, tested
    assert set(tested.document) >= {"passed", "failed", "streams"}
    assert tested.document["passed"] > 0
    folder = project / "streams" / "plain"
    code = (folder / "transform.py").read_text(encoding="utf-8")
    (folder / "transform.py").write_text(code.replace("FACTOR = 3", "FACTOR = 4"), encoding="utf-8")
    broken = headrace("test", "--json", folder=project)
    assert broken.status == 1
    assert broken.document["failed"] > 0

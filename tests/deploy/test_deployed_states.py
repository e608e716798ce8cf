"""What `headrace deploy` compares the columns of a state with: the service's past on the cluster."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.supervision import clean_supervisor  # noqa: F401 (used by all tests here)
from headrace.deploy import rollout
from headrace.deploy.deployments import read_deployment
from headrace.deploy.ledger import announce, past_deployments
from headrace.errors import RefusedError
from headrace.kafka.clusters import Cluster
from headrace.spec import StreamSpec, read_document, to_yaml
from projects import git, make_repository

pytestmark = [pytest.mark.usefixtures("clean_supervisor"), pytest.mark.timeout(180)]
TRANSFORM = """import pandas as pd


def transform(df: pd.DataFrame, *, totals: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    return df, df.groupby("id")[["value"]].last()
"""


@pytest.fixture
def folder(tmp_path: Path, make_topic: Callable[..., str]) -> Path:
    """A repository with a stream whose state is named ``totals``."""
    source = make_topic("numbers", partitions=1)
    name = f"s{source.replace('-', '_')}"
    spec = StreamSpec(name=name, source=source, sinks=(f"{source}.out",), key="id", states=("totals",))
    return make_repository(tmp_path / "project", spec)


def committed(folder: Path, states: dict[str, dict[str, str]]) -> Path:
    """Commit the stream with these columns of its states."""
    document = read_document(folder).model_copy(update={"states": states})
    (folder / "stream.yaml").write_text(to_yaml(document))
    (folder / "transform.py").write_text(TRANSFORM)
    git(folder, "commit", "--quiet", "--all", "--message", "Another commit")
    return folder


def test_columns_are_compared_with_the_last_deployment_that_had_some(folder: Path, cluster: Cluster) -> None:
    name = folder.name
    committed(folder, {"totals": {"value": "float64"}})
    assert rollout.deploy(folder, cluster=cluster.name).state == "running"

    committed(folder, {})
    with pytest.raises(RefusedError, match=r"has no columns of it: the sample gave no state.*--sample"):
        rollout.deploy(folder, cluster=cluster.name)
    assert len(past_deployments(cluster, name)) == 1

    without = read_deployment(name).model_copy(update={"deploy": "0" * 32, "commit": "0" * 40, "states": {}})
    announce(cluster, without)
    committed(folder, {"totals": {"renamed": "float64"}})
    with pytest.raises(RefusedError, match="state `totals` has lost its column `value`"):
        rollout.deploy(folder, cluster=cluster.name)

    rollout.delete(name)  # its topic stays, and so does what it keeps
    with pytest.raises(RefusedError, match="state `totals` has lost its column `value`"):
        rollout.deploy(folder, cluster=cluster.name)

    lines: list[str] = []
    committed(folder, {"totals": {"value": "float64", "other": "float64"}})
    rollout.deploy(folder, cluster=cluster.name, report=lines.append)
    assert "the state totals has a new column other: null for keys of before" in lines

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from headrace.errors import MissingClusterError, RefusedError, SecretError, UnsafeSettingError
from headrace.kafka.clusters import CLUSTER_VARIABLE, Cluster, resolve_cluster


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HEADRACE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    folder = tmp_path / "project" / "notebooks"
    folder.mkdir(parents=True)
    return folder


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def test_the_name_then_the_project_then_the_environment(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CLUSTER_VARIABLE, "env:1")
    assert resolve_cluster(None, project).address == "env:1"
    write(project.parent / "headrace.toml", 'cluster = "ours"\n[clusters.ours]\n"bootstrap.servers" = "ours:2"\n')
    assert resolve_cluster(None, project) == Cluster("ours", {"bootstrap.servers": "ours:2"})
    assert resolve_cluster("given:3", project).address == "given:3"


def test_names_without_quotes_are_the_same(project: Path) -> None:
    write(
        project / "headrace.toml",
        """
        [clusters.prod]
        bootstrap.servers = "a:1,b:2"
        security.protocol = "SASL_SSL"
        sasl.mechanism = "SCRAM-SHA-512"
        sasl.username = "me"
        sasl.password = "env:KAFKA_PASSWORD"
        """,
    )
    cluster = resolve_cluster("prod", project)
    assert cluster.address == "a:1,b:2"
    assert cluster.settings["sasl.username"] == "me"


@pytest.mark.parametrize("where", ["home/clusters.toml", "config/headrace/clusters.toml"])
def test_the_users_own_clusters(project: Path, where: str) -> None:
    write(project.parents[1] / where, '[clusters.mine]\n"bootstrap.servers" = "mine:1"\n')
    assert resolve_cluster("mine", project).address == "mine:1"


def test_an_unknown_cluster_is_named_with_those_known(project: Path) -> None:
    write(project / "headrace.toml", '[clusters.prod]\n"bootstrap.servers" = "a:1"\n')
    with pytest.raises(MissingClusterError, match=r"no cluster `prd`.*`prod`"):
        resolve_cluster("prd", project)


def test_no_cluster_at_all_says_what_to_do(project: Path) -> None:
    with pytest.raises(MissingClusterError, match="--cluster"):
        resolve_cluster(None, project)


def test_a_broken_file_is_named(project: Path) -> None:
    write(project / "headrace.toml", "cluster = ")
    with pytest.raises(RefusedError, match=r"headrace\.toml is not valid TOML"):
        resolve_cluster("prod", project)


def test_a_definition_is_checked(project: Path) -> None:
    text = '[clusters.theirs]\nbootstrap.servers = "a:1"\nplugin.library.paths = "/x.so"\n'
    write(project / "headrace.toml", text)
    with pytest.raises(UnsafeSettingError, match=r"plugin\.library\.paths"):
        resolve_cluster("theirs", project)


def test_secrets_are_read_late_and_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster("ours", {"bootstrap.servers": "a:1", "sasl.password": "env:KAFKA_PASSWORD"})
    monkeypatch.setenv("KAFKA_PASSWORD", "hunter2")
    assert cluster.client_settings()["sasl.password"] == "hunter2"
    assert cluster.settings["sasl.password"] == "env:KAFKA_PASSWORD"
    assert "PASSWORD" not in repr(cluster)
    assert pickle.loads(pickle.dumps(cluster)) == cluster  # noqa: S301
    assert hash(cluster) == hash(Cluster("ours", dict(cluster.settings)))


def test_a_secret_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KAFKA_PASSWORD", raising=False)
    cluster = Cluster("ours", {"bootstrap.servers": "a:1", "sasl.password": "env:KAFKA_PASSWORD"})
    with pytest.raises(SecretError, match="KAFKA_PASSWORD is not set"):
        cluster.client_settings()


def test_a_secret_file_must_be_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text("hunter2\n", encoding="utf-8")
    cluster = Cluster("ours", {"bootstrap.servers": "a:1", "sasl.password": f"file:{path}"})
    path.chmod(0o644)
    with pytest.raises(SecretError, match=r"mode 0644.*chmod 600") as caught:
        cluster.client_settings()
    assert "hunter2" not in str(caught.value)
    path.chmod(0o600)
    assert cluster.client_settings()["sasl.password"] == "hunter2"


def test_a_certificate_file_may_be_read_by_all(tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    path.write_text("-----BEGIN CERTIFICATE-----\n", encoding="utf-8")
    path.chmod(0o644)
    cluster = Cluster("ours", {"bootstrap.servers": "a:1", "ssl.ca.pem": f"file:{path}"})
    assert cluster.client_settings()["ssl.ca.pem"] == "-----BEGIN CERTIFICATE-----"


@pytest.mark.parametrize("reference", ["file:relative", "file:/", "file:/no/such/file"])
def test_references_that_lead_nowhere(reference: str) -> None:
    cluster = Cluster("ours", {"bootstrap.servers": "a:1", "sasl.password": reference})
    with pytest.raises(SecretError, match=reference.rstrip("/")):
        cluster.client_settings()

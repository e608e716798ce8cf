"""States of services on the real broker: killed, emptied, rescaled, and still equal to pandas on the whole."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import orjson
import pytest

from headrace.home import home
from headrace.kafka.clusters import Cluster
from headrace.kafka.topics import create_topic
from headrace.spec import ColumnType, names
from service_process import ServiceProcess, fill, read_all, stream_folder
from waiting import eventually

TYPES: dict[str, ColumnType] = {"customer": "str", "amount": "int64", "number": "int64"}
COUNT, CUSTOMERS = 30_000, 400
BODY = """
if (df.amount < 0).any():
    raise ValueError("below nothing")
spent = df.groupby("customer")["amount"].cumsum()
rows = df.groupby("customer").cumcount() + 1
known = totals.reindex(df["customer"]).fillna(0) if "sum" in totals else None
before = known["sum"].to_numpy().astype("int64") if known is not None else 0
seen = known["rows"].to_numpy().astype("int64") if known is not None else 0
out = df.assign(sum=spent + before, rows=rows + seen)
return out[["number", "customer", "sum", "rows"]], out.groupby("customer")[["sum", "rows"]].last()
"""


@pytest.fixture
def service(
    tmp_path: Path, cluster: Cluster, make_topic: Callable[..., str], request: pytest.FixtureRequest
) -> Iterator[ServiceProcess]:
    """A service with a state, not started, whose source holds orders; 1 % of them fail."""
    repartition = bool(getattr(request, "param", False))
    source, sink = make_topic("in"), make_topic("out")
    name = f"s{source.replace('-', '_')}"
    create_topic(cluster, f"{sink}.dlq", 4)
    create_topic(cluster, names.state_topic(name), 4, {"cleanup.policy": "compact"})
    if repartition:
        create_topic(cluster, names.repartition_topic(name, "customer"), 4)
    spec: dict[str, object] = {
        "name": name,
        "source": source,
        "sinks": (sink,),
        "key": "customer",
        "states": ("totals",),
    }
    types = {"totals": {"sum": "int64", "rows": "int64"}}
    folder = stream_folder(tmp_path, BODY, TYPES, repartition=repartition, states_types=types, **spec)
    made = ServiceProcess(folder, cluster, ("--max-rate", "12000"), source=source, sink=sink)
    random = np.random.default_rng(3)
    customers = [f"c{number}" for number in random.integers(0, CUSTOMERS, COUNT)]
    amounts = random.integers(1, 100, COUNT)
    amounts[random.random(COUNT) < 0.01] = -1
    values = [
        orjson.dumps({"customer": customer, "amount": amount, "number": number})
        for number, (customer, amount) in enumerate(zip(customers, amounts.tolist(), strict=True))
    ]
    keys = [b"%d" % (number // 50) if repartition else customers[number].encode() for number in range(COUNT)]
    fill(cluster, source, values, keys=keys)
    yield made
    made.kill()


def verify(service: ServiceProcess) -> None:
    """Compare the outputs with a plain loop over the source, key by key; each record has one output or letter."""
    eventually(lambda: done(service), 90)
    orders = [orjson.loads(message.value() or b"null") for message in read_all(service.cluster, service.source)]
    orders = [order for order in orders if order["amount"] >= 0]
    found = [orjson.loads(message.value() or b"null") for message in read_all(service.cluster, service.sink)]
    assert sorted(row["number"] for row in found) == sorted(order["number"] for order in orders)
    amounts = {order["number"]: order["amount"] for order in orders}
    by_customer: dict[str, list[dict[str, int]]] = {}
    for row in sorted(found, key=lambda row: row["rows"]):
        by_customer.setdefault(row["customer"], []).append(row)
    for rows in by_customer.values():
        assert [row["rows"] for row in rows] == list(range(1, len(rows) + 1))
        assert [row["sum"] for row in rows] == np.cumsum([amounts[row["number"]] for row in rows]).tolist()
    assert len(read_all(service.cluster, f"{service.sink}.dlq")) == COUNT - len(orders)


def done(service: ServiceProcess) -> bool:
    try:
        status = service.status()
    except OSError:
        return False
    assert status["records_out"] + status["failed"] == COUNT, str(status)
    return True


@pytest.mark.parametrize("service", [False, True], ids=["one stage", "two stages"], indirect=True)
@pytest.mark.timeout(240)
def test_totals_survive_kills_with_and_without_the_disk(service: ServiceProcess) -> None:
    progress = 0
    for emptied in (False, True, False):
        service.start()
        eventually(service.progressed_past(progress), 60, interval=0.02)
        service.kill()
        progress = service.progress()
        if emptied:
            shutil.rmtree(home("services", service.name) / "state-0")
    service.arguments = ()
    service.start().caught_up()
    verify(service)
    assert service.status()["remembered_rows"] >= CUSTOMERS


@pytest.mark.timeout(240)
def test_totals_move_to_another_replica(service: ServiceProcess) -> None:
    service.arguments = ("--max-rate", "3000")
    service.start()
    eventually(service.progressed_past(2_000), 60, interval=0.02)
    other = ServiceProcess(service.folder, service.cluster, ("--replica", "1", "--max-rate", "3000"))
    other.start()
    try:
        eventually(lambda: "reading the past of a partition" in service.log, 60)
        before = service.progress()
        eventually(service.progressed_past(before + 2_000), 60)
        service.kill()  # the other one takes over all of it once the session has timed out
        before = service.progress()
        eventually(service.progressed_past(before + 2_000), 90)
    finally:
        other.terminate()
    service.arguments = ()
    service.start().caught_up()
    verify(service)


@pytest.mark.timeout(120)
def test_the_topic_has_a_row_for_each_key(service: ServiceProcess) -> None:
    service.arguments = ()
    service.start().caught_up()
    verify(service)
    service.terminate()
    state = {message.key(): message.value() for message in read_all(service.cluster, names.state_topic(service.name))}
    assert len([value for value in state.values() if value is not None]) == CUSTOMERS

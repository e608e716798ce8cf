"""``headrace broker``: a real Apache Kafka on this machine."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from headrace.cli.output import emit, json_option, note
from headrace.errors import UsageError

if TYPE_CHECKING:
    from headrace.kafka.broker import BrokerStatus


@click.group()
def broker() -> None:
    """Start, stop or reset a local Apache Kafka: one node on loopback, no root, no Docker."""


@broker.command()
@click.option("--port", type=click.IntRange(0, 65535), help="0 chooses a free one; else the last one, at first 9092.")
@json_option
def start(*, port: int | None, as_json: bool) -> None:
    """Start the broker and wait until it answers; it runs on when this command has ended."""
    from headrace.kafka import broker as node  # noqa: PLC0415
    from headrace.kafka.clusters import CLUSTER_VARIABLE  # noqa: PLC0415

    before = node.status()
    after = node.start(port, report=note)
    if before.running:
        asked = f" (not on port {port})" if port and after.address != f"127.0.0.1:{port}" else ""
        _show(after, f"The broker runs already at {after.address}{asked}.", as_json=as_json)
    else:
        text = f"The broker runs at {after.address} (process {after.pid}). To use it from this shell:"
        _show(after, f"{text}\n  export {CLUSTER_VARIABLE}={after.address}", as_json=as_json)


@broker.command()
@json_option
def stop(*, as_json: bool) -> None:
    """Stop the broker. Its topics and records stay."""
    from headrace.kafka import broker as node  # noqa: PLC0415

    was_running = node.status().running
    _show(node.stop(), "The broker has stopped." if was_running else "The broker was not running.", as_json=as_json)


@broker.command()
@json_option
def status(*, as_json: bool) -> None:
    """Say whether the broker runs, and where."""
    from headrace.kafka import broker as node  # noqa: PLC0415

    found = node.status()
    text = f"The broker runs at {found.address} (process {found.pid})." if found.running else "The broker is stopped."
    _show(found, f"{text}\nApache Kafka {found.version}, records in {found.data}", as_json=as_json)


@broker.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def reset(*, yes: bool, as_json: bool) -> None:
    """Stop the broker and delete all its topics and records."""
    from headrace.kafka import broker as node  # noqa: PLC0415

    found = node.status()
    if not yes and not _confirmed(f"Delete all topics and records in {found.data}?"):
        message = "Nothing was deleted."
        raise UsageError(message, hint="Confirm, or say --yes.")
    _show(node.reset(), "The broker has stopped and its topics and records are deleted.", as_json=as_json)


def _confirmed(question: str) -> bool:
    return sys.stdin.isatty() and click.confirm(question, err=True)


def _show(found: BrokerStatus, text: str, *, as_json: bool) -> None:
    emit(found.model_dump(mode="json"), as_json=as_json, text=text)

"""What all commands share: the cluster and JSON options, printing, and errors as exit statuses."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click
import orjson

Command = TypeVar("Command", bound=Callable[..., Any])


def cluster_option(command: Command) -> Command:
    """Add ``--cluster`` (parameter ``cluster``: the name given, else ``$HEADRACE_CLUSTER``, else ``None``)."""
    return click.option(
        "--cluster",
        metavar="NAME",
        default=None,
        help="A cluster of headrace.toml or clusters.toml, or HOST:PORT; else the default, else $HEADRACE_CLUSTER.",
    )(command)


def json_option(command: Command) -> Command:
    """Add ``--json`` (parameter ``as_json``: one JSON document on stdout, nothing else there)."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")(command)


def emit(data: object, *, as_json: bool, text: str = "") -> None:
    """Print ``data`` as one JSON document, or ``text`` for people."""
    if as_json:
        click.echo(orjson.dumps(data, option=orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY).decode())
    elif text:
        click.echo(text)


def note(text: str) -> None:
    """Print a line of progress or advice to stderr."""
    click.echo(text, err=True)


def fail(text: str, status: int) -> None:
    """Print an error to stderr and leave with ``status``."""
    click.secho("error: ", fg="red", bold=True, nl=False, err=True)
    click.echo(text, err=True)
    sys.exit(status)

"""``headrace``: each command group is imported when it is called."""

from __future__ import annotations

import importlib
import os
import sys

import click

from headrace.cli.output import fail
from headrace.errors import HeadraceError

_COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("headrace.cli.demo:demo", "Set up broker, data and notebook, and open them."),
    "broker": ("headrace.cli.broker:broker", "Start, stop or reset a local Apache Kafka."),
    "topics": ("headrace.cli.topics:topics", "List the topics of a cluster."),
    "replay": ("headrace.cli.replay:replay", "Stream a file into a topic."),
    "sample": ("headrace.cli.topics:sample", "Print records of a topic, leaving no trace on the cluster."),
    "check": ("headrace.cli.repository:check", "Prove that a notebook's streams give the same in batch and stream."),
    "commit": ("headrace.cli.repository:commit", "Commit a notebook's stream as a tested folder."),
    "test": ("headrace.cli.repository:test", "Run the tests of the stream folders."),
    "run": ("headrace.cli.run:run", "Run a stream folder as a service process, in the foreground."),
    "deploy": ("headrace.cli.services:deploy", "Run a committed stream as a service."),
    "services": ("headrace.cli.services:services", "List the services with rate, lag and latency."),
    "start": ("headrace.cli.services:start", "Start a stopped service."),
    "stop": ("headrace.cli.services:stop", "Stop a service; it keeps its place."),
    "scale": ("headrace.cli.services:scale", "Change the number of a service's replicas."),
    "logs": ("headrace.cli.services:logs", "Print a service's log."),
    "delete": ("headrace.cli.services:delete", "Stop a service and forget it."),
}


class _LazyGroup(click.Group):
    """A group that imports a command's module when the command is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return super().get_command(ctx, cmd_name)
        module, _, attribute = _COMMANDS[cmd_name][0].partition(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)  # noqa: S101  the table above is ours
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="headrace")
def cli() -> None:
    """Take a pandas cell from a notebook to a running Kafka service, proved on real records."""


def main() -> None:
    """Run the command line; errors that Headrace raises on purpose become one line and an exit status."""
    try:
        cli.main(prog_name="headrace")
    except HeadraceError as error:
        fail(str(error), error.exit_status)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)

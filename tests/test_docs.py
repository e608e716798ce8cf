"""Every option and command has its heading in the docs, and every link inside them leads somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from flight_records import of_values
from headrace.cli.main import cli
from headrace.engine.stream import Stream
from headrace.engine.trial import process
from headrace.spec import OPTIONS, StreamDocument

DOCS = Path(__file__).parent.parent / "docs"


def headings(page: str) -> list[str]:
    return re.findall(r"^#{2,4} `([^`]+)`", (DOCS / page).read_text(encoding="utf-8"), re.MULTILINE)


def test_every_magic_option_has_a_heading_in_the_tables_order() -> None:
    assert headings("magic.md") == [option.flag for option in OPTIONS]


def test_every_command_and_its_options_are_described() -> None:
    context = click.Context(cli)
    assert [name.split()[1] for name in headings("cli.md")] == cli.list_commands(context)
    text = (DOCS / "cli.md").read_text(encoding="utf-8")
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        assert command is not None
        assert command.help, name
        section = re.search(rf"^## `headrace {name}\b.*?(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
        assert section is not None
        commands = list(command.commands.values()) if isinstance(command, click.Group) else [command]
        for parameter in (parameter for each in commands for parameter in each.params):
            if isinstance(parameter, click.Option) and not {"--json", "--cluster"} & set(parameter.opts):
                assert f"`{parameter.opts[-1]}" in section[0], (name, parameter.opts)


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def shown_rows(page: str) -> list[list[tuple[str, str]]]:
    """Return for each row of a page's tables that end in `shown by` the tests it links: name and path."""
    text = (DOCS / page).read_text(encoding="utf-8")
    tables = re.findall(r"^\|.*shown by \|\n\|[-|]+\|\n((?:\|.*\|\n?)+)", text, re.MULTILINE)
    return [
        re.findall(r"\[([^\]]+)\]\((\.\./tests/[^)]+)\)", line.rsplit(" | ", 1)[1])
        for table in tables
        for line in table.splitlines()
    ]


@pytest.mark.parametrize(("page", "least"), [("flink.md", 22), ("outcomes.md", 11)])
def test_every_row_names_the_tests_that_show_it(page: str, least: int) -> None:
    rows = shown_rows(page)
    assert len(rows) >= least
    for row in rows:
        assert row, rows
        for name, path in row:
            source = (DOCS / path).read_text(encoding="utf-8")
            assert re.search(rf"^def {name}\(", source, re.MULTILINE), (name, path)


def test_the_stream_folder_by_hand_is_one(tmp_path: Path) -> None:
    text = (DOCS / "stream-folder.md").read_text(encoding="utf-8")
    for name in ("transform.py", "stream.yaml"):
        found = re.search(rf"<!-- {re.escape(name)} -->\n```\w+\n(.*?)```", text, re.DOTALL)
        assert found is not None
        (tmp_path / name).write_text(found[1], encoding="utf-8")
    values: list[bytes | None] = [b'{"id": 1, "origin": "JFK", "dep_delay": 30}', b'{"id": 2, "dep_delay": 3}', b"{}"]
    result = process(Stream.from_folder(tmp_path), of_values(values))
    assert result.values == [b'{"id":1,"origin":"JFK","dep_delay":30.0,"hours":0.5}']
    assert [failure.position for failure in result.failures] == [2]
    table = re.findall(r"^\| (`[^|]+) \|", text, re.MULTILINE)
    named = {name for cell in table for name in re.findall(r"`(\w+)`", cell)}
    assert named == set(StreamDocument.model_fields)

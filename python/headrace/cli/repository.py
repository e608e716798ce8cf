"""``headrace check``, ``commit`` and ``test``: from a notebook's cell to a tested folder in a commit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from headrace.cli.output import cluster_option, emit, json_option, note

_WORDS = {True: "equal", False: "differs", None: "not proved"}
_NOTEBOOK = click.argument("notebook", type=click.Path(path_type=Path))


@click.command()
@_NOTEBOOK
@click.argument("stream", required=False)
@click.option("--apply", is_flag=True, help="Write the suggestions into the cells' magic lines, and check again.")
@cluster_option
@json_option
def check(*, notebook: Path, stream: str | None, apply: bool, cluster: str | None, as_json: bool) -> None:
    """Prove on a sample that a notebook's streams give the same in batch and stream.

    Without STREAM all of them are checked. Exit status 1 when one differs, fails on every record of its sample or
    cannot be checked; a verdict of "not proved" is no failure.
    """
    from headrace.repo.checking import check_notebook  # noqa: PLC0415

    found = check_notebook(notebook, stream, cluster=cluster)
    if apply and _applied(notebook, found):
        found = check_notebook(notebook, stream, cluster=cluster)
    text = "\n".join(_line(each) for each in found) or f"{notebook} has no %%stream cell."
    emit(found[0] if stream else found, as_json=as_json, text=text)
    if any(each["equal"] is False or each["all_failed"] or each["refused"] for each in found):
        raise click.exceptions.Exit(1)


@click.command()
@_NOTEBOOK
@click.argument("stream")
@click.option("-m", "--message", metavar="MSG", help="The message; else one is drafted from what the sample shows.")
@click.option("--dry-run", is_flag=True, help="Do everything but commit, and show what would be.")
@cluster_option
@json_option
def commit(
    *, notebook: Path, stream: str, message: str | None, dry_run: bool, cluster: str | None, as_json: bool
) -> None:
    """Commit a notebook's stream as a tested folder; nothing else of the repository is touched."""
    from headrace.repo.commit import commit as make  # noqa: PLC0415

    result = make(notebook, stream, message=message, dry_run=dry_run, cluster=cluster)
    if not result.files:
        note(f"Nothing to commit: {stream} is the same in {(result.commit or '')[:10]}.")
    elif dry_run:
        note("Dry run: nothing is committed.")
    for warning in result.warnings:
        note(f"warning: {warning}")
    lines = [f"{(result.commit or 'would be')[:10]} on {result.branch}", *(f"  {path}" for path in result.files)]
    emit(result.model_dump(mode="json"), as_json=as_json, text="\n".join([*lines, "", result.message]))


@click.command()
@click.argument("directory", metavar="[DIR]", type=click.Path(path_type=Path), default=Path())
@json_option
def test(*, directory: Path, as_json: bool) -> None:
    """Run the tests of the stream folders in DIR (the working directory when left out); no broker is needed.

    Exit status 1 when a test fails.
    """
    from headrace.repo.testing import test_streams  # noqa: PLC0415

    result = test_streams(directory)
    for each in result.streams:
        if each.output:
            note(each.output)
    lines = [f"{each.stream}: {each.passed} passed, {each.failed} failed" for each in result.streams]
    emit(result.model_dump(mode="json"), as_json=as_json, text="\n".join(lines))
    if result.failed:
        raise click.exceptions.Exit(1)


def _applied(notebook: Path, found: list[dict[str, Any]]) -> bool:
    """Write what is suggested into the notebook; tell whether there was anything."""
    from headrace.repo.magic_edit import apply_declarations  # noqa: PLC0415

    suggested = [each for each in found if each["suggestion"]]
    for each in suggested:
        note(f"{notebook}: {apply_declarations(notebook, each['stream'], each['suggestion'])}")
    if not suggested:
        note("There is no suggestion to apply.")
    return bool(suggested)


def _line(found: dict[str, Any]) -> str:
    if found["refused"]:
        return f"{found['stream']}: refused. {found['reason']}"
    filtered = "?" if found["filtered"] is None else f"{found['filtered']:,}"
    counts = f"{found['rows_in']:,} -> {found['rows_out']:,}, {filtered} filtered, {found['failed']:,} failed"
    word = "fails" if found["all_failed"] else _WORDS[found["equal"]]
    rewrite = "".join(f"\n    {line}" for line in (found["rewrite"] or "").splitlines())
    return f"{found['stream']}: {word} ({counts}). {found['reason']}{rewrite}"

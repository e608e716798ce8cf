"""What a new commit does to the states that a service has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from headrace.deploy.deployments import read_deployment
from headrace.errors import MissingServiceError, MissingStreamError, RefusedError
from headrace.spec import StreamDocument, read_document

_NO_NULLS = ("int", "uint", "bool")


def state_changes(document: StreamDocument) -> Iterator[str]:
    """Compare the states of a stream with those of its service, and say what becomes of what is kept.

    Yields:
        A sentence for each state and column that is new or no longer declared.

    Raises:
        RefusedError: what is kept does not fit the new columns.
    """
    before = _deployed(document.spec.name)
    if before is None or not before.states:
        return
    if document.spec.key != before.spec.key:
        yield f"the states begin anew: they were kept by {before.spec.key}, and are to be kept by {document.spec.key}"
        return
    declared = {state.name for state in document.spec.declared_states}
    for name, columns in before.states.items():
        if name not in declared:
            yield f"the state {name} is no longer declared: what is kept of it stays in the topic, unused"
        elif document.states.get(name):
            yield from _columns(name, columns, document.states[name])


def _columns(name: str, before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[str]:
    for column, dtype in before.items():
        if column not in after:
            message = f"The state `{name}` has lost its column `{column}`, which the service keeps for every key."
            raise RefusedError(message, hint="Keep the column, or rename the state: it then begins empty.")
        if after[column] != dtype:
            message = f"The column `{column}` of the state `{name}` was {dtype} and is {after[column]}."
            raise RefusedError(message, hint=f"Keep it {dtype}, or rename the state: it then begins empty.")
    for column, dtype in after.items():
        if column in before:
            continue
        if dtype.startswith(_NO_NULLS):
            message = f"The state `{name}` has a new column `{column}` of {dtype}, which keys of before do not have."
            hint = "Make it float64, Int64 or boolean, which know null, or rename the state: it then begins empty."
            raise RefusedError(message, hint=hint)
        yield f"the state {name} has a new column {column}: null for keys of before"


def _deployed(service: str) -> StreamDocument | None:
    try:
        return read_document(Path(read_deployment(service).folder))
    except (MissingServiceError, MissingStreamError):
        return None

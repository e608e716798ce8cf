"""What a new commit does to the states that a service has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from headrace.deploy.deployments import Deployment, release_folder
from headrace.engine.state.rows import knows_null
from headrace.errors import HeadraceError, RefusedError
from headrace.spec import DOCUMENT_NAME, StreamDocument, read_document


def state_changes(document: StreamDocument, history: Sequence[Deployment]) -> Iterator[str]:
    """Compare the states of a stream with what its service keeps, and say what becomes of that.

    Each state is compared with the last deployment that had columns of it: what lies between has left its rows alone.

    Args:
        document: the stream's.
        history: the deployments of the service, oldest first.

    Yields:
        A sentence for each state and column that is new or no longer declared.

    Raises:
        RefusedError: a state has no pinned columns, or what is kept does not fit the new ones.
    """
    _require_columns(document)
    key, declared = document.spec.key, {state.name for state in document.spec.declared_states}
    kept = _kept(history)
    for former in dict.fromkeys(former for former, _ in kept.values() if former != key):
        yield f"the states begin anew: they were kept by {former}, and are to be kept by {key}"
    for name, (former, columns) in kept.items():
        if former != key:
            continue
        if name not in declared:
            yield f"the state {name} is no longer declared: what is kept of it stays in the topic, unused"
        else:
            yield from _columns(name, columns, document.states[name])


def _require_columns(document: StreamDocument) -> None:
    """Refuse states of which nobody knows the columns: they could be compared with nothing, now and later."""
    for state in document.spec.declared_states:
        if state.name not in document.states:
            message = (
                f"The stream `{document.spec.name}` declares --state {state.name}, and its {DOCUMENT_NAME} has no "
                f"columns of it: the sample gave no state."
            )
            hint = "Take a sample in which records pass and leave rows in the state (--sample), and commit it again."
            raise RefusedError(message, hint=hint)


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
        if not knows_null(dtype):
            message = f"The state `{name}` has a new column `{column}` of {dtype}, which keys of before do not have."
            hint = "Make it float64, Int64 or boolean, which know null, or rename the state: it then begins empty."
            raise RefusedError(message, hint=hint)
        yield f"the state {name} has a new column {column}: null for keys of before"


def _kept(history: Sequence[Deployment]) -> dict[str, tuple[str | None, Mapping[str, str]]]:
    """Return the key and the columns of each state as the last deployment had them that pinned some."""
    kept: dict[str, tuple[str | None, Mapping[str, str]]] = {}
    for deployment in history:
        key, states = _pinned(deployment)
        kept |= {name: (key, columns) for name, columns in states.items()}
    return kept


def _pinned(deployment: Deployment) -> tuple[str | None, Mapping[str, Mapping[str, str]]]:
    """Return the key and the states of a deployment; records of before they were noted have them in their release."""
    if deployment.states:
        return deployment.key, deployment.states
    for path in sorted(release_folder(deployment.service, deployment.commit).glob(f"**/{DOCUMENT_NAME}")):
        try:
            document = read_document(path.parent)
        except HeadraceError:
            continue
        if document.spec.name == deployment.service:
            return document.spec.key, document.states
    return None, {}

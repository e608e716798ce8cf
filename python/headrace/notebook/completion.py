"""Completion on the magic line: options, choices, topics and the columns seen so far."""

from __future__ import annotations

import time
from itertools import pairwise

from IPython.core.completer import (
    CompletionContext,
    SimpleCompletion,
    SimpleMatcherResult,
    context_matcher,
)

from headrace.errors import HeadraceError
from headrace.kafka.clusters import Cluster, resolve_cluster
from headrace.kafka.topics import list_topics
from headrace.notebook.session import streams
from headrace.spec import OPTIONS, Option

MAGIC = "%%stream"
TOPICS_KEPT = 30.0
"""Seconds for which the cluster's topics are remembered."""

_BY_FLAG = {option.flag: option for option in OPTIONS}
_TOPIC_FIELDS = {"source", "sinks"}
_COLUMN_FIELDS = {"key", "time", "types"}
_remembered: dict[Cluster, tuple[float, list[str]]] = {}


@context_matcher()  # type: ignore[untyped-decorator]  # IPython's has no types
def complete_magic_line(context: CompletionContext) -> SimpleMatcherResult:
    """Return what can stand at the cursor on a ``%%stream`` line; elsewhere nothing."""
    line = context.full_text.split("\n", 1)[0]
    if context.cursor_line != 0 or not line.startswith(MAGIC):
        return {"completions": []}
    before = context.text_until_cursor
    words = before.split()[1:]
    typed = "" if before[-1:].isspace() or not words else words.pop()
    fragment = context.token if typed.endswith(context.token) else typed
    done = typed[: len(typed) - len(fragment)]
    found = [text for text in candidates(words, line.split()) if text.startswith(typed)]
    completions = [SimpleCompletion(text=text[len(done) :], type="headrace") for text in found]
    return {"completions": completions, "matched_fragment": fragment, "suppress": bool(completions)}


def candidates(words: list[str], line: list[str]) -> list[str]:
    """Return all that can follow ``words``, whatever is typed of it already.

    Args:
        words: the finished words between ``%%stream`` and the cursor.
        line: all words of the line, for the source and the cluster it names.
    """
    if not words:
        return []
    option = _BY_FLAG.get(words[-1])
    if option is not None and option.metavar is not None:
        return _values(option, line)
    given = {word for word in line if word in _BY_FLAG}
    return [option.flag for option in OPTIONS if option.multiple or option.flag not in given]


def _values(option: Option, line: list[str]) -> list[str]:
    if option.choices:
        return list(option.choices)
    if option.field in _TOPIC_FIELDS:
        return _topics(_after("--cluster", line))
    if option.field in _COLUMN_FIELDS:
        columns = streams.columns(_after("--from", line) or "")
        return [f"{name}=" for name in columns] if option.field == "types" else columns
    return []


def _topics(cluster_name: str | None) -> list[str]:
    """Return the cluster's topics, or none where it cannot be asked: completion never complains."""
    try:
        cluster = resolve_cluster(cluster_name)
        asked, names = _remembered.get(cluster, (float("-inf"), []))
        if time.monotonic() - asked > TOPICS_KEPT:
            names = [topic.name for topic in list_topics(cluster) if not topic.internal]
            _remembered[cluster] = time.monotonic(), names
    except HeadraceError:
        return []
    return names


def _after(flag: str, line: list[str]) -> str | None:
    return next((value for word, value in pairwise(line) if word == flag), None)

"""Completion on the magic line."""

from __future__ import annotations

import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell


def complete(shell: InteractiveShell, text: str) -> list[str]:
    assert shell.Completer is not None
    with provisionalcompleter():
        return [completion.text for completion in shell.Completer.completions(text, len(text))]


def test_options_complete(shell: InteractiveShell) -> None:
    assert complete(shell, "%%stream late --fr") == ["--from"]
    assert "--to" in complete(shell, "%%stream late --from flights --")
    assert "--from" not in complete(shell, "%%stream late --from flights --")
    assert complete(shell, "%%stream late --on-error ") == ["dlq", "fail", "skip"]


def test_topics_and_columns_complete(shell: InteractiveShell, flights_topic: str) -> None:
    assert flights_topic in complete(shell, f"%%stream late --from {flights_topic[:-1]}")
    assert complete(shell, f"%%stream late --from {flights_topic}x") == []
    assert shell.run_cell(f"%%stream late --from {flights_topic}\ndf").success  # type: ignore[no-untyped-call]
    assert complete(shell, f"%%stream late --from {flights_topic} --key ori") == ["origin"]
    assert complete(shell, f"%%stream late --from {flights_topic} --type dep_") == ["dep_delay="]


def test_without_a_cluster_nothing_breaks(shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HEADRACE_CLUSTER", raising=False)
    assert complete(shell, "%%stream late --from zz") == []


def test_other_lines_are_left_alone(shell: InteractiveShell) -> None:
    shell.user_ns["a_long_name"] = 1
    assert "a_long_name" in complete(shell, "a_lon")
    assert "--from" not in complete(shell, "%%stream late --from flights\n--fr")

"""``%%stream`` in a shell, on a real broker."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest
from IPython.core.interactiveshell import ExecutionResult, InteractiveShell

from headrace.errors import CellError, MissingError, MissingStreamError, MissingTopicError, UsageError
from headrace.kafka.clients import admin
from headrace.kafka.clusters import Cluster
from headrace.kafka.topics import list_topics
from headrace.notebook import streams
from headrace.notebook.magic import StreamMagics
from headrace.proof import previews
from headrace.proof.preview_model import PREVIEW_MIME

Outputs = Callable[[], list[dict[str, Any]]]

BODY = """\
flown = df[df.dep_delay.notna()]
flown.assign(speed=flown.distance / (flown.air_time / 60), late=flown.arr_delay > LATE_MINUTES)
"""


def run(shell: InteractiveShell, text: str) -> ExecutionResult:
    result: ExecutionResult = shell.run_cell(text, store_history=True)  # type: ignore[no-untyped-call]
    return result


def frame_of(result: ExecutionResult) -> pd.DataFrame:
    value: object = result.result
    assert isinstance(value, pd.DataFrame), result.error_in_exec
    return value


def test_a_cell_shows_counts_and_verdict(shell: InteractiveShell, flights_topic: str, outputs: Outputs) -> None:
    run(shell, "LATE_MINUTES = 15")
    result = run(shell, f"%%stream late_flights --from {flights_topic} --to flights.late --key origin\n{BODY}")
    assert result.success, result.error_in_exec
    assert result.result is None
    (shown,) = outputs()
    summary = shown[PREVIEW_MIME]
    assert summary["counts"] == {"rows_in": 400, "rows_out": 371, "filtered": 29, "failed": 0}
    assert summary["verdict"]["equal"] is True
    assert summary["columns"]["added"] == ["speed", "late"]
    assert "400 -> 371: 29 filtered, 0 failed   +speed +late" in shown["text/plain"]
    assert "= batch equals stream" in shown["text/plain"]
    assert "text/html" not in shown
    stored = previews.load(summary["id"])
    assert len(stored.rows) == 400
    assert {row.partition for row in stored.rows} == {0, 1, 2, 3}
    assert streams["late_flights"].stream.document.input["dep_delay"] == "float64"
    assert streams["late_flights"].preview == stored


def test_the_preview_leaves_nothing_on_the_cluster(
    shell: InteractiveShell, flights_topic: str, cluster: Cluster
) -> None:
    def there() -> tuple[set[str], set[str]]:
        groups = admin(cluster).list_consumer_groups(request_timeout=10).result()
        return {topic.name for topic in list_topics(cluster)}, {group.group_id for group in groups.valid}

    before = there()  # other tests' services have groups on the same broker
    assert run(shell, f"%%stream late --from {flights_topic} --to not.there\ndf").success
    assert not run(shell, "%%stream late --from not.there.either --to not.there\ndf").success
    assert there() == before


def test_an_edited_cell_runs_on_the_same_records(shell: InteractiveShell, flights_topic: str) -> None:
    run(shell, f"%%stream pinned --from {flights_topic} --sample latest:50\ndf")
    first = streams["pinned"].preview
    run(shell, f"%%stream pinned --from {flights_topic} --sample latest:50\ndf[df.distance > 500]")
    second = streams["pinned"].preview
    assert second.sample == first.sample
    assert second.body_digest != first.body_digest
    assert run(shell, "%resample pinned").success
    assert streams["pinned"].preview.id != second.id
    assert streams["pinned"].preview.body_digest == second.body_digest


def test_a_failing_record_names_the_cells_own_line(
    shell: InteractiveShell, flights_topic: str, outputs: Outputs
) -> None:
    text = (
        f"%%stream failing --from {flights_topic}\n\n# a comment\nx = df.id.map(lambda n: 1 // (n - 7))\ndf.assign(x=x)"
    )
    assert run(shell, text).success
    (failed,) = [row for row in streams["failing"].preview.rows if row.status == "failed"]
    assert failed.line == 4
    assert (
        "1 failed: ZeroDivisionError: integer division or modulo by zero (line 4, first at"
        in (outputs()[0]["text/plain"])
    )


def test_tracebacks_show_the_cells_source(shell: InteractiveShell, flights_topic: str) -> None:
    import linecache  # noqa: PLC0415  only here

    text = f"%%stream traced --from {flights_topic}\ny = 1\ndf[df.id > NOWHERE]"
    run(shell, text)
    code = streams["traced"].stream.function.__code__
    assert linecache.getline(code.co_filename, 3).strip() == "df[df.id > NOWHERE]"


def test_a_name_that_is_missing_is_said_once(shell: InteractiveShell, flights_topic: str, outputs: Outputs) -> None:
    assert run(shell, f"%%stream missing --from {flights_topic}\ndf[df.dep_delay > NOWHERE]").success
    text = outputs()[0]["text/plain"]
    assert "every record failed: NameError: name 'NOWHERE' is not defined (line 2, first at" in text
    assert "? not proved" in text


def test_show_prints_that_many_rows(shell: InteractiveShell, flights_topic: str, outputs: Outputs) -> None:
    body = "df.assign(note='<script>alert(1)</script>')"
    assert run(shell, f"%%stream shown --from {flights_topic} --show 3\n{body}").success
    shown = outputs()[0]
    assert shown["text/html"].count("<tr") == 2 * (1 + 3)
    assert "<script>" not in shown["text/html"]
    assert "&lt;script&gt;" in shown["text/html"]
    assert "before\n" in shown["text/plain"]


@pytest.mark.parametrize(
    ("line", "body", "kind", "said"),
    [
        ("lost --from no.such.topic", "df", MissingTopicError, "no.such.topic"),
        ("lost", "df", UsageError, "--from"),
        ("lost --from {topic} --sampel latest:5", "df", UsageError, "--sample"),
        ("lost --from {topic} --time nowhere", "df", UsageError, "nowhere"),
        ("lost --from {topic}", "df[", CellError, "not Python"),
    ],
)
def test_a_mistake_is_one_short_message(
    shell: InteractiveShell,
    flights_topic: str,
    capsys: pytest.CaptureFixture[str],
    line: str,
    body: str,
    kind: type[Exception],
    said: str,
) -> None:
    result = run(shell, f"%%stream {line.format(topic=flights_topic)}\n{body}")
    assert isinstance(result.error_in_exec, kind)
    printed = "".join(capsys.readouterr())
    assert said in printed
    assert "Traceback" not in printed
    assert ".py" not in printed
    assert len(printed.strip().splitlines()) <= 2


def test_resample_needs_a_stream_that_was_run(shell: InteractiveShell) -> None:
    assert isinstance(run(shell, "%resample nobody").error_in_exec, MissingStreamError)


def test_help_lists_every_option(shell: InteractiveShell, outputs: Outputs) -> None:
    from headrace.spec import OPTIONS  # noqa: PLC0415  only here

    run(shell, "%stream --help")
    text = outputs()[0]["text/plain"]
    assert all(f"  {option.flag}" in text for option in OPTIONS)
    assert StreamMagics.stream.__doc__ == text


def test_parameters_are_in_scope(shell: InteractiveShell, flights_topic: str) -> None:
    run(shell, f"%%stream tuned --from {flights_topic} --param least=500\ndf[df.distance > least]")
    preview = streams["tuned"].preview
    assert preview.failed == 0
    assert 0 < preview.rows_out < 400
    assert "least" not in shell.user_ns


FAILING = "if (df.distance > 2500).any():\n    raise ValueError('too far')\ndf"


def test_a_sample_of_what_fails_stays_when_the_cell_is_mended(
    shell: InteractiveShell, flights_topic: str, outputs: Outputs
) -> None:
    magic = f"%%stream far --from {flights_topic} --sample failing:5"
    assert run(shell, f"{magic}\n{FAILING}").success
    failing = streams["far"].preview
    assert (failing.rows_in, failing.failed, len(failing.rows)) == (5, 5, 5)
    assert {row.error for row in failing.rows} == {"ValueError: too far"}
    assert run(shell, f"{magic}\ndf[df.distance <= 2500]").success
    mended = streams["far"].preview
    assert mended.sample.ranges == failing.sample.ranges
    assert (mended.rows_in, mended.failed, mended.filtered) == (5, 0, 5)
    outputs()
    result = run(shell, "%resample far")
    assert isinstance(result.error_in_exec, MissingError)
    assert "`far` fails on none of the newest 400 records" in str(result.error_in_exec)


def test_what_fails_with_a_side_input_is_refused(shell: InteractiveShell, flights_topic: str) -> None:
    result = run(shell, f"%%stream s --from {flights_topic} --with {flights_topic} --sample failing:5\ndf")
    assert isinstance(result.error_in_exec, UsageError)
    assert "--with" in str(result.error_in_exec)


def test_a_chain_of_streams_that_nobody_deployed(
    shell: InteractiveShell, flights_topic: str, outputs: Outputs, cluster: Cluster
) -> None:
    first = f"%%stream flown --from {flights_topic} --to chain.flown --key origin\ndf[df.dep_delay.notna()]"
    second = "%%stream hours --from chain.flown --to chain.hours --key origin\ndf.assign(hours=df.dep_delay / 60)"
    third = "%%stream changes --from chain.hours --key origin --lookback 1rows\n"
    third += 'df.assign(change=df.groupby("origin").hours.diff())'
    for text in (first, second, third):
        assert run(shell, text).success, text
    shown = [streams[name].preview for name in ("flown", "hours", "changes")]
    assert [(each.rows_in, each.rows_out, each.verdict.equal) for each in shown] == [
        (400, 371, True),
        (371, 371, True),
        (371, 371, True),
    ]
    assert "its records are what `hours` gives on its sample" in shown[2].verdict.messages[0]
    assert shown[2].sample.text == "the outputs of hours"
    assert streams["changes"].stream.document.input["hours"] == "float64"
    assert not streams["changes"].stream.document.repartition
    assert not [topic.name for topic in list_topics(cluster) if topic.name.startswith("chain.")]
    run(shell, first.replace("notna()", "notna() & (df.distance > 1000)"))
    run(shell, second)
    assert streams["hours"].preview.rows_in == streams["flown"].preview.rows_out < 371


def test_a_missing_topic_that_no_cell_writes_is_named(shell: InteractiveShell, flights_topic: str) -> None:
    run(shell, f"%%stream flown --from {flights_topic} --to chain.flown\ndf")
    result = run(shell, "%%stream next --from chain.other\ndf")
    assert isinstance(result.error_in_exec, MissingTopicError)
    assert "chain.other" in str(result.error_in_exec)


def test_a_cell_runs_on_one_record_and_raises_from_its_own_line(
    shell: InteractiveShell, flights_topic: str, outputs: Outputs
) -> None:
    text = f"%%stream divided --from {flights_topic}\n\nx = df.id.map(lambda n: 1 // (n - 7))\ndf.assign(x=x)"
    assert run(shell, text).success
    (failed,) = [row for row in streams["divided"].preview.rows if row.status == "failed"]
    kept = next(row for row in streams["divided"].preview.rows if row.status == "kept")
    raised = run(shell, f"%run_on divided {failed.partition}:{failed.offset}").error_in_exec
    assert isinstance(raised, ZeroDivisionError)
    frames = traceback.extract_tb(raised.__traceback__)
    assert (frames[-1].lineno, frames[-1].line) == (3, "x = df.id.map(lambda n: 1 // (n - 7))")
    frame = frame_of(run(shell, f"%run_on divided {kept.partition}:{kept.offset}"))
    assert len(frame) == 1
    assert "x" in frame.columns


def test_one_record_comes_with_its_keys_past(shell: InteractiveShell, flights_topic: str) -> None:
    magic = f"%%stream lagged --from {flights_topic} --key origin --lookback 2rows"
    run(shell, magic + '\ndf.assign(x=df.groupby("origin").distance.shift())')
    shown = streams["lagged"].preview
    row = shown.rows[-1]
    frame = frame_of(run(shell, f"%run_on lagged {row.partition}:{row.offset}"))
    assert len(frame) == 3
    assert len(set(frame.origin)) == 1
    after = [column.name for column in shown.columns.after].index("x")
    assert row.after is not None
    assert frame.x.iloc[-1] == row.after[0][after]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("plain", "needs a stream's name and the place"),
        ("plain 0-7", "`0-7` is not the place"),
        ("plain 0:999999", "has no record 0:999999"),
        ("nobody 0:1", "No cell with a stream `nobody`"),
        ("hourly 0:0", "sees whole windows"),
    ],
)
def test_a_record_that_cannot_be_run_on_is_named(
    shell: InteractiveShell, flights_topic: str, words: str, said: str
) -> None:
    run(shell, f"%%stream plain --from {flights_topic}\ndf")
    hourly = f"%%stream hourly --from {flights_topic} --window tumbling=1h"
    run(shell, f"{hourly}\ndf.groupby('window_start').size().reset_index()")
    result = run(shell, f"%run_on {words}")
    assert said in str(result.error_in_exec)

"""The magic line: parsed, refused with the word at fault, written back."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.errors import RefusedError, UsageError
from headrace.spec import (
    COLUMN_TYPES,
    SPEC_ATTRIBUTE,
    MagicLine,
    PreviewOptions,
    StreamDocument,
    StreamSpec,
    declarations,
    format_magic_line,
    parse_duration,
    parse_magic_line,
    read_document,
    stream,
    to_yaml,
    with_declarations,
)

MAIN = "late_flights --from flights --to flights.late --key origin --time time_hour"


def test_the_main_line() -> None:
    line = parse_magic_line(MAIN)
    assert line.spec == StreamSpec(
        name="late_flights", source="flights", sinks=("flights.late",), key="origin", time="time_hour"
    )
    assert line.preview == PreviewOptions(sample="latest:500", show=None)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", "needs a name first"),
        ("--from a", "needs a name first"),
        ("x", "needs --from TOPIC"),
        ("x --from", "--from needs a value"),
        ("x --from --to b", "--from needs a value"),
        ("x --fro a", "Did you mean --from?"),
        ("x --from a b", "`b` stands where an option should"),
        ("x --from a --from b", "--from stands twice"),
        ("x --from a --to a", "the stream would feed itself"),
        ("x --from a/b", "`a/b` cannot name a topic"),
        ("../x --from a", "`../x` cannot name a stream"),
        ("x --from a --type id", "`=` is missing"),
        ("x --from a --type id=decimal", "`decimal` is not a column type"),
        ("x --from a --param df=1", "`df` cannot name a parameter"),
        ("x --from a --param a=1 --param a=2", "--param a stands twice"),
        ("x --from a --on-error explode", "Use dlq or skip or fail"),
        ("x --from a --show none", "--show"),
        ("x --from a --meta=yes", "--meta takes no value"),
        ("x --from 'a", "Close every quotation mark"),
    ],
)
def test_a_wrong_word_is_named(line: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_magic_line(line)
    assert message in str(caught.value)


NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True).filter(lambda name: name.isidentifier() and name != "df")
SCALARS = st.one_of(st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False))


@given(
    st.builds(
        StreamSpec,
        name=NAMES,
        source=st.just("in"),
        sinks=st.sampled_from([(), ("out",)]),
        key=st.none() | NAMES,
        time=st.none() | NAMES,
        types=st.dictionaries(NAMES, st.sampled_from(COLUMN_TYPES), max_size=3),
        meta=st.booleans(),
        params=st.dictionaries(st.sampled_from(["least", "most", "rate"]), SCALARS, max_size=3),
        on_error=st.sampled_from(["dlq", "skip", "fail"]),
        delivery=st.sampled_from(["exactly-once", "at-least-once"]),
        stamp=st.booleans(),
    ),
    st.builds(PreviewOptions, sample=st.sampled_from(["latest:500", "first:10", "0:5-9"]), show=st.none() | st.just(3)),
)
def test_writing_and_parsing_agree(spec: StreamSpec, preview: PreviewOptions) -> None:
    line = MagicLine(spec, preview)
    assert parse_magic_line(format_magic_line(line)) == line


def test_the_document_survives_its_file(tmp_path: Path) -> None:
    document = StreamDocument(
        spec=parse_magic_line(MAIN + " --param least=15 --type id=int64").spec,
        input={"id": "int64", "time_hour": "datetime64[us, UTC]"},
        never_null=("id",),
        matching="row-id",
    )
    (tmp_path / "stream.yaml").write_text(to_yaml(document))
    assert read_document(tmp_path) == document


@pytest.mark.parametrize("text", ["spec: [", "spec: {name: x}", "nothing: 1"])
def test_a_broken_document_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "stream.yaml").write_text(text)
    with pytest.raises(RefusedError, match=r"stream\.yaml"):
        read_document(tmp_path)


def test_the_decorator_declares_the_same() -> None:
    @stream(source="flights", sink="flights.late", key="origin", time="time_hour")
    def late_flights(df: int) -> int:
        return df

    assert getattr(late_flights, SPEC_ATTRIBUTE) == parse_magic_line(MAIN).spec
    assert late_flights(3) == 3
    with pytest.raises(UsageError, match="colour"):
        stream(source="flights", colour="red")(late_flights)


@pytest.mark.parametrize(
    ("text", "seconds"), [("500ms", 0.5), ("10s", 10), ("5min", 300), ("5m", 300), ("6h", 21_600), ("28d", 2_419_200)]
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text).total_seconds() == seconds


@pytest.mark.parametrize("text", ["", "5", "h", "-5m", "5 weeks"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_duration(text)


@pytest.mark.parametrize("number", ["999999999999", "100000", "9" * 400])
def test_a_length_of_time_that_is_too_long_is_named(number: str) -> None:
    assert parse_duration("99999d").days == 99_999
    for option in ("--lookback", "--grace", "--window tumbling=", "--with weather:", "--state totals:"):
        line = f"s --from in --key k {option}{'' if option[-1] in '=:' else ' '}{number}d"
        with pytest.raises(UsageError, match=f"`{number}d` is too long. .*at most 99999d"):
            parse_magic_line(line)


def test_the_longest_window_is_one() -> None:
    assert parse_magic_line("s --from in --window tumbling=99999d").spec.windows is not None


@pytest.mark.parametrize("rest", ["", "--time t", "--key k --state totals", "--with stations"])
def test_a_grace_that_does_nothing_is_refused(rest: str) -> None:
    with pytest.raises(UsageError, match="--grace 5s does nothing without --lookback, --window or a side input"):
        parse_magic_line(f"s --from in --grace 5s {rest}")
    parse_magic_line(f"s --from in --grace 0s {rest}")


@pytest.mark.parametrize("rest", ["--lookback 1h", "--window tumbling=1h", "--with weather:3h", "--with weather@at"])
def test_a_grace_that_counts_is_taken(rest: str) -> None:
    assert parse_magic_line(f"s --from in --grace 5s {rest}").spec.grace_time.total_seconds() == 5


@pytest.mark.parametrize(
    ("line", "words", "changed"),
    [
        ("s --from a", "--key k --lookback 6h", "s --from a --key k --lookback 6h"),
        ("s --from a --lookback 5h --key k --to b", "--lookback 6h", "s --from a --key k --to b --lookback 6h"),
        ("s --from a --lookback=5h --key k", "--window tumbling=1h", "s --from a --key k --window tumbling=1h"),
        ("s --from a --window tumbling=1h --key k", "--lookback 3rows", "s --from a --key k --lookback 3rows"),
        (
            "s --from a --param x='two words' --meta",
            "--param y=1",
            "s --from a --param 'x=two words' --meta --param y=1",
        ),
        ("s --from a --sample first:10 --show 3", "--key k", "s --from a --sample first:10 --show 3 --key k"),
    ],
)
def test_options_go_into_a_line_that_is_there(line: str, words: str, changed: str) -> None:
    assert with_declarations(line, words) == changed


@pytest.mark.parametrize(
    ("line", "words"), [("s --from a", "--lookback 6h t"), ("s", "--key k"), ("s --from a", "--lookback never")]
)
def test_a_line_that_would_be_none_is_refused(line: str, words: str) -> None:
    with pytest.raises(UsageError):
        with_declarations(line, words)


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("s --from a", "s --from a --key k --time t --lookback 6h", "--key k --time t --lookback 6h"),
        ("s --from a --key k --lookback 5h", "s --from a --key k --lookback 6h", "--lookback 6h"),
        ("s --from a --key k", "s --from a --key k", ""),
    ],
)
def test_what_was_declared_in_addition(before: str, after: str, words: str) -> None:
    assert declarations(parse_magic_line(before).spec, parse_magic_line(after).spec) == words

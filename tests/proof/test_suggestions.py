"""What is suggested for a cell that is no stream yet: tried, and never more than it needs."""

from __future__ import annotations

import numpy as np
import orjson
import pytest

from flight_records import examined, flights, function_of, of_values
from headrace.engine.edges import Edges
from headrace.kafka.inference import infer_from_values
from headrace.proof.candidates import Named
from headrace.proof.examine import examine
from headrace.proof.past_sample import PastSample
from headrace.proof.suggestions import with_suggestion
from headrace.spec import MagicLine, PreviewOptions, StreamSpec, declarations, format_magic_line, parse_magic_line
from keyed_samples import ROLLING, look, sample

DECLARATION = {
    "df.assign(x=df.dep_delay.shift())": "--lookback 1rows",
    "df.assign(x=df.distance.diff())": "--lookback 1rows",
    "df.assign(x=df.distance.diff(4))": "--lookback 4rows",
    "df.assign(x=df.distance.pct_change())": "--lookback 1rows",
    "df.assign(x=df.distance.rolling(3).mean())": "--lookback 2rows",
    "df.drop_duplicates('origin')": "--key origin --lookback 1rows",
    "df.head(10)": "--lookback 10rows",
    "df.assign(x=df.groupby('origin').distance.shift())": "--key origin --lookback 1rows",
    "df.assign(x=df.groupby('carrier').distance.diff(2))": "--key carrier --lookback 2rows",
}

NONE = {
    "df.assign(x=df.distance.shift(-1))": "rows that come later",
    "df.bfill()": "rows that come later",
    "df.assign(x=df.distance.cumsum())": "--state",
    "df.assign(x=df.dep_delay.ffill())": "--state",
    "df.assign(x=df.distance.expanding().max())": "--state",
    "df.assign(x=df.distance.ewm(span=3).mean())": "--state",
    "df.drop_duplicates('id')": "--state",
    "df.assign(x=df.dep_delay - df.dep_delay.mean())": "--param",
    "df[df.distance > df.distance.quantile(0.9)]": "--param",
    "pd.get_dummies(df, columns=['carrier'])": "fixed list",
    "df.assign(x=df.distance.rank())": "--window",
    "df.groupby('origin').first()": "--window",
    "df.sort_values('distance')": "--window",
    "df.assign(x=np.random.rand(len(df)))": "each run",
    "df if len(df) < 1000 else df[df.distance > 500]": "differs",
}


@pytest.mark.parametrize(("body", "words"), DECLARATION.items(), ids=DECLARATION.keys())
def test_the_smallest_declaration_that_does_is_suggested_and_does(body: str, words: str) -> None:
    verdict = examined(body).verdict
    assert verdict.equal is False
    assert verdict.suggestion == words, verdict.reason
    assert f"Tried: `{words}` makes batch and stream equal." in verdict.reason
    spec = parse_magic_line(f"cell --from flights --to out {words}").spec
    records = flights(seed=11)
    proof = examine(spec, function_of(body), infer_from_values(records.values), records).verdict
    assert proof.equal is True, proof.reason


@pytest.mark.parametrize(("body", "words"), NONE.items(), ids=NONE.keys())
def test_where_no_declaration_does_none_is_suggested_and_the_reason_is_given(body: str, words: str) -> None:
    verdict = examined(body).verdict
    assert verdict.equal is False
    assert verdict.suggestion is None
    assert words in verdict.reason


def test_a_rolling_mean_gets_its_key_its_time_and_its_length() -> None:
    found = look(ROLLING, sample(), key=None, time=None)
    verdict = found.verdict
    assert found.all_failed  # the times are texts as long as no --time says otherwise
    assert verdict.suggestion == "--key k --time t --lookback 6h", verdict.reason


def test_a_lookback_that_is_too_short_gets_the_length_that_does() -> None:
    verdict = look(ROLLING, sample(), key="k", time="t", lookback="5h").verdict
    assert verdict.equal is False
    assert verdict.suggestion == "--lookback 6h", verdict.reason


def test_rows_in_place_of_time() -> None:
    body = 'df.assign(before=df.groupby("k")["x"].shift(1))'
    verdict = look(body, sample(), key="k", time="t", lookback="1h").verdict
    assert verdict.equal is False
    assert verdict.suggestion == "--lookback 1rows", verdict.reason


def test_bins_of_time_become_windows() -> None:
    body = 'df.groupby(["k", pd.Grouper(key="t", freq="2h")])["x"].sum().reset_index()'
    verdict = look(body, sample(), key=None, time=None).verdict
    assert verdict.suggestion == "--key k --time t --window tumbling=2h", verdict.reason


def test_a_quarter_of_a_second_does_not_prove_six_hours_and_shows_that_five_are_too_few() -> None:
    short = sample(apart="800us")
    six = look(ROLLING, short, key="k", time="t", lookback="6h").verdict
    assert six.equal is None
    assert "3 lookbacks" in six.reason
    five = look(ROLLING, short, key="k", time="t", lookback="5h").verdict
    assert five.equal is False
    assert "stretched over 3 lookbacks" in five.reason
    assert five.suggestion == "--lookback 6h"
    assert "which does not prove it" in five.reason


def test_what_a_cell_names_is_read_from_its_code_and_its_helpers() -> None:
    prelude = """
import pandas as pd
SPAN = "90min"
def mean(frame, count=7):
    return frame.rolling(SPAN, on="t").x.mean().shift(count)
"""
    named = Named.of(function_of("df.assign(m=mean(df), d=df.x.rolling('28D').sum())", prelude))
    assert [str(span) for span in named.spans] == ["1:30:00", "28 days, 0:00:00"]
    assert 7 in named.numbers
    assert {"t", "x", "rolling"} <= set(named.texts)


def test_declarations_are_what_the_magic_line_reads() -> None:
    before = StreamSpec(name="s", source="in", sinks=("out",))
    after = before.model_copy(update={"key": "a b", "lookback": "6h", "params": {"limit": 15}})
    words = declarations(before, after)
    assert words == "--key 'a b' --lookback 6h --param limit=15"
    line = format_magic_line(MagicLine(before, PreviewOptions()))
    assert parse_magic_line(f"{line} {words}").spec == after


def test_a_cell_that_is_a_stream_gets_no_suggestion() -> None:
    for body in ("df.assign(x=df.distance * 2)", "df.assign(x=df.distance.rolling(5000).mean())"):
        assert examined(body).verdict.suggestion is None


def test_a_cell_that_raises_for_every_declaration_gets_none() -> None:
    verdict = examined("df.assign(x=df.distance.shift()) if len(df) == 400 else 1 / 0").verdict
    assert verdict.suggestion is None
    assert np.isfinite(verdict.seconds)


def test_a_few_rows_of_each_key_do_not_prove_that_one_before_is_enough() -> None:
    random = np.random.default_rng(5)
    values: list[bytes | None] = [
        orjson.dumps({"k": f"k{number % 100}", "x": int(random.integers(0, 1000))}) for number in range(200)
    ]
    body = "df.assign(m=df.groupby('k').x.transform(lambda s: s.rolling(6, min_periods=1).max()))"
    assert examined(body, of_values(values)).verdict.suggestion is None
    spec = StreamSpec(name="cell", source="flights", sinks=("out",), key="k", lookback="1rows")
    verdict = examine(spec, function_of(body), infer_from_values(values), of_values(values)).verdict
    assert verdict.equal is None
    assert "no key has 3 rows" in verdict.reason


def test_whole_numbers_of_many_digits_are_not_rounded_to_agree() -> None:
    random = np.random.default_rng(5)
    values: list[bytes | None] = [
        orjson.dumps({"k": f"k{number % 2}", "ts": 1_700_000_000_000 + number * 1000 + int(random.integers(0, 3000))})
        for number in range(200)
    ]
    body = 'df.sort_values("ts").assign(prev=lambda d: d.groupby("k").ts.shift())'
    spec = StreamSpec(name="cell", source="flights", sinks=("out",), key="k", lookback="1rows")
    verdict = examine(spec, function_of(body), infer_from_values(values), of_values(values)).verdict
    assert verdict.equal is False
    assert (verdict.suggestion, verdict.rewrite) == (None, None)


def test_a_lookback_that_is_too_short_gets_its_length_where_the_log_began_before_the_sample() -> None:
    records = sample(600)
    past, shown = (records.take(np.arange(*places)) for places in ((0, 300), (300, 600)))
    starts = {number: int(shown.offsets[shown.partitions == number][0]) for number in range(3)}
    spec = StreamSpec(name="s", source="in", sinks=("out",), key="k", time="t", lookback="5h")
    around = PastSample(Edges(past=past, starts=starts))
    verdict = examine(spec, function_of(ROLLING), infer_from_values(records.values), shown, past=around).verdict
    assert verdict.equal is False
    assert verdict.suggestion == "--lookback 6h", verdict.reason


def test_where_time_runs_out_that_is_said() -> None:
    found = examined("df.assign(x=df.groupby('origin').distance.shift(7))")
    verdict = found.verdict.model_copy(update={"suggestion": None, "reason": "Differs."})
    records = flights()
    inferred = infer_from_values(records.values)
    function = found.stream.function
    said = with_suggestion(verdict, found.stream, function, inferred, records, found.whole, budget=0).reason
    assert said == "Differs. 0 declarations were tried in 0 s, and none makes it a stream."

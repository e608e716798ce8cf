"""What is suggested for a cell that is no stream yet: tried, and never more than it needs."""

from __future__ import annotations

import numpy as np
import pytest

from flight_records import examined, flights, function_of
from headrace.kafka.inference import infer_from_values
from headrace.proof.candidates import Named
from headrace.proof.examine import examine
from headrace.spec import MagicLine, PreviewOptions, StreamSpec, declarations, format_magic_line, parse_magic_line
from keyed_samples import ROLLING, look, sample

DECLARATION = {
    "df.assign(x=df.dep_delay.shift())": "--lookback 1rows",
    "df.assign(x=df.distance.diff())": "--lookback 1rows",
    "df.assign(x=df.distance.diff(4))": "--lookback 4rows",
    "df.assign(x=df.distance.pct_change())": "--lookback 1rows",
    "df.assign(x=df.distance.rolling(3).mean())": "--lookback 2rows",
    "df.drop_duplicates('origin')": "--key origin --lookback 1rows",
    "df.drop_duplicates('id')": "--key id --lookback 1rows",
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

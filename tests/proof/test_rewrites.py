"""Cells that no declaration mends and another text does: tried, and the same on other records."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from flight_records import PRELUDE, examined, flights, function_of
from headrace.proof.cell_text import source_of
from headrace.repo.function_text import function_lines

MENDED = {
    "df.assign(x=df.dep_delay - df.dep_delay.mean())": "df.assign(x=df.dep_delay - dep_delay_mean)",
    "df.assign(x=(df.distance - df['distance'].mean()) / df.distance.std())": "distance_mean) / distance_std",
    "df.assign(x=df.dep_delay.fillna(df.dep_delay.median()))": "df.dep_delay.fillna(dep_delay_median)",
    "df[df.distance > df.distance.quantile(0.9)]": "df[df.distance > distance_quantile]",
    "m = df.distance.max()\ndf.assign(x=df.distance / m)": "m = distance_max\n",
    "(df[['distance']] - df[['distance']].min()) / df[['distance']].max()": 'pd.Series({"distance": ',
    "pd.get_dummies(df, columns=['carrier'])": "df['carrier'] == value for value in ['AA', 'B6', 'DL', 'UA']",
    "pd.get_dummies(df.carrier)": "df.carrier == value for value in ['AA', 'B6', 'DL', 'UA']",
    "df.assign(x=df.carrier.astype('category').cat.codes)": "pd.CategoricalDtype(['AA', 'B6', 'DL', 'UA'])",
    "df.assign(x=pd.factorize(df.carrier)[0])": "pd.Categorical(df.carrier, categories=[",
    "df.assign(x=pd.qcut(df.distance, 4, labels=False))": "pd.cut(df.distance, [",
    "df.assign(x=pd.cut(df.distance, 3, labels=['s', 'm', 'l']))": "labels=['s', 'm', 'l']",
    "df.sort_values('distance')": "df",
    "df[df.dep_delay.notna()].assign(late=df.arr_delay > 15)": "assign(late=lambda rows: rows.arr_delay > 15)",
    "df[df.dep_delay.notna()].assign(x=df.distance - df.distance.mean()).sort_values('x')": "distance_mean",
    "name = 'é'  # not ASCII\ndf.assign(x=df.origin + name, y=df.distance - df.distance.mean())": "distance_mean",
}

NOT_MENDED = {
    "cumulative": "df.assign(x=df.distance.cumsum())",
    "a group's mean": "df.assign(x=df.groupby('origin').distance.transform('mean'))",
    "random": "df.assign(x=np.random.rand(len(df)) - df.distance.mean())",
    "the number of rows": "df.assign(x=len(df))",
    "in a loop": "for name in ['distance', 'id']:\n    df[name] = df[name] - df[name].mean()\ndf",
    "a text that is no number": "df.assign(x=df.distance.rank() - df.distance.mean())",
}


@pytest.mark.parametrize(("body", "part"), MENDED.items(), ids=MENDED.keys())
def test_what_stands_for_the_sample_makes_both_equal(body: str, part: str) -> None:
    before = examined(body)
    verdict = before.verdict
    assert verdict.equal is False
    assert verdict.suggestion is None
    assert verdict.rewrite is not None, verdict.reason
    assert part.replace('"', "'") in verdict.rewrite.replace('"', "'")
    assert "Tried: rewritten so that" in verdict.reason
    after = examined(verdict.rewrite)
    assert after.verdict.equal is True, after.verdict.reason
    assert sorted(after.whole.values) == sorted(before.whole.values)
    assert examined(verdict.rewrite, flights(seed=11)).verdict.equal is True


@pytest.mark.parametrize("body", NOT_MENDED.values(), ids=NOT_MENDED.keys())
def test_what_no_constant_mends_stays_as_it_is(body: str) -> None:
    verdict = examined(body).verdict
    assert verdict.equal is False
    assert verdict.rewrite is None


@pytest.mark.parametrize(
    "body",
    [
        "df.assign(x=df.dep_delay - df.dep_delay.mean())",
        "# a comment\nlate = df.dep_delay > 15  # another\n\ndf.assign(\n    x=late,\n    y='''two\nlines''',\n)",
        "if len(df):\n    df = df[df.id > 1]\ndf",
    ],
)
def test_the_text_of_a_committed_function_is_that_of_its_cell(tmp_path: Path, body: str) -> None:
    path = tmp_path / "transform.py"
    path.write_text("\n".join([PRELUDE, "def transform(df):", *function_lines(body)]) + "\n", encoding="utf-8")
    spec = importlib.util.spec_from_file_location("committed", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (source_of(module.transform) or "").strip() == body
    assert source_of(function_of(body)) == body


def test_the_text_of_what_is_no_cell_is_not_known() -> None:
    def several(number: int) -> int:
        if number:
            return 1
        return 2

    assert source_of(several) is None
    assert source_of(len) is None

"""The verdict on common pandas operations: never a false "equal"."""

from __future__ import annotations

import pytest

from flight_records import examined, flights

EQUAL = {
    "the demo's cell": """
flown = df[df.dep_delay.notna()]
flown.assign(speed=flown.distance / (flown.air_time / 60), late=flown.arr_delay > LATE_MINUTES)
""",
    "arithmetic": "df.assign(x=df.distance * 1.609)",
    "assignment": "df['x'] = df.distance + 1",
    "text": "df.assign(x=df.origin.str.lower() + '-' + df.dest)",
    "filter": "df[df.dep_delay > 10]",
    "query": "df.query('distance > 500 and origin == \"JFK\"')",
    "eval": "df.eval('gain = dep_delay - arr_delay')",
    "where": "df.assign(x=df.dep_delay.where(df.dep_delay > 0, 0))",
    "numpy where": "df.assign(x=np.where(df.dep_delay > 15, 'late', 'ok'))",
    "clip": "df.assign(x=df.dep_delay.clip(0, 60))",
    "fillna with a constant": "df.fillna({'dep_delay': 0})",
    "apply by row": "df.assign(x=df.apply(lambda row: row.distance / 2 if row.origin == 'JFK' else 0.0, axis=1))",
    "mean over columns": "df.assign(x=df[['dep_delay', 'arr_delay']].mean(axis=1))",
    "cut with fixed bins": "df.assign(x=pd.cut(df.dep_delay, [-100, 0, 15, 1000], labels=['early', 'ok', 'late']))",
    "category as text": "df.assign(x=df.carrier.astype('category'))",
    "map": "df.assign(x=df.dest.map(CITIES))",
    "isin": "df[df.dest.isin(AIRPORTS.dest)]",
    "merge with a table": "df.merge(AIRPORTS, on='dest', how='left')",
    "inner merge": "df.merge(AIRPORTS, on='dest')",
    "explode": "df.explode('tags')",
    "to_datetime": "df.assign(t=pd.to_datetime(df.time_hour)).assign(hour=lambda frame: frame.t.dt.hour)",
    "to_numeric": "df.assign(x=pd.to_numeric(df.time_hour.str[8:10]))",
    "split into columns": "df.join(df.time_hour.str.split('T', expand=True).set_axis(['day', 'hour'], axis=1))",
    "reset_index": "df[df.dep_delay > 10].reset_index(drop=True)",
    "drop and rename": "df.drop(columns=['tags']).rename(columns={'id': 'number'})",
    "by way of dicts": "pd.DataFrame([{**row, 'k': 1} for row in df.to_dict('records')])",
    "a column alone": "df.distance * 2",
    "each row twice": "pd.concat([df, df.assign(id=-1)]).sort_index(kind='stable')",
    "a helper in another cell": "df.assign(x=as_km(df.distance))",
}

DRIFTING = {
    "apply that gives 0 or a float": "df.assign(x=df.apply(lambda r: r.distance / 2 if r.id % 5 else 0, axis=1))",
    "integers with a gap": "df.assign(x=df.dest.map({'ATL': 1, 'ORD': 2, 'LAX': 3, 'BOS': 4}))",
}

DIFFERENT = {
    "shift": "df.assign(x=df.dep_delay.shift())",
    "shift back": "df.assign(x=df.distance.shift(-1))",
    "diff": "df.assign(x=df.distance.diff())",
    "pct_change": "df.assign(x=df.distance.pct_change())",
    "cumsum": "df.assign(x=df.distance.cumsum())",
    "numpy cumsum": "df.assign(x=np.cumsum(df.distance.to_numpy()))",
    "cumcount": "df.assign(x=df.groupby('origin').cumcount())",
    "rolling": "df.assign(x=df.distance.rolling(3).mean())",
    "expanding": "df.assign(x=df.distance.expanding().max())",
    "ewm": "df.assign(x=df.distance.ewm(span=3).mean())",
    "rank": "df.assign(x=df.distance.rank())",
    "qcut": "df.assign(x=pd.qcut(df.distance, 4, labels=False))",
    "get_dummies": "pd.get_dummies(df, columns=['carrier'])",
    "category codes": "df.assign(x=df.carrier.astype('category').cat.codes)",
    "factorize": "df.assign(x=pd.factorize(df.carrier)[0])",
    "fillna with the mean": "df.assign(x=df.dep_delay.fillna(df.dep_delay.mean()))",
    "fillna with the maximum": "df.fillna({'dep_delay': df.dep_delay.max()})",
    "minus the mean": "df.assign(x=df.dep_delay - df.dep_delay.mean())",
    "z-score": "df.assign(x=(df.distance - df.distance.mean()) / df.distance.std())",
    "min-max": "(df[['distance']] - df[['distance']].min()) / (df[['distance']].max() - df[['distance']].min())",
    "groupby.transform": "df.assign(x=df.groupby('origin').distance.transform('mean'))",
    "groupby.filter": "df.groupby('origin').filter(lambda group: len(group) > 100)",
    "groupby.apply": "df.groupby('origin', group_keys=False).apply(lambda g: g.assign(x=g.distance.mean()))",
    "quantile": "df[df.distance > df.distance.quantile(0.9)]",
    "maximum": "df[df.distance == df.distance.max()]",
    "mode": "df.assign(x=df.origin.mode()[0])",
    "interpolate": "df.assign(x=df.dep_delay.interpolate())",
    "ffill": "df.assign(x=df.dep_delay.ffill())",
    "bfill": "df.bfill()",
    "drop_duplicates": "df.drop_duplicates('origin')",
    "drop_duplicates of what is unique": "df.drop_duplicates('id')",
    "duplicated": "df[~df.duplicated('dest')]",
    "sort": "df.sort_values('distance')",
    "reverse": "df.iloc[::-1]",
    "every second": "df.iloc[::2]",
    "head": "df.head(10)",
    "more rows than the sample has": "df.iloc[:1000]",
    "the number of rows": "df.assign(x=len(df))",
    "a branch on the number of rows": "df if len(df) < 1000 else df[df.distance > 500]",
    "the index": "df.assign(x=df.index)",
    "arange": "df.assign(x=np.arange(len(df)))",
    "nlargest": "df.nlargest(5, 'distance')",
    "agg": "df.agg({'distance': ['mean']})",
    "groupby.mean": "df.groupby('origin', as_index=False).distance.mean()",
    "groupby.first": "df.groupby('origin').first()",
    "value_counts": "df.origin.value_counts().reset_index()",
    "describe": "df.describe().reset_index()",
    "pivot_table": "df.pivot_table(index='origin', columns='carrier', values='distance').reset_index()",
    "crosstab": "pd.crosstab(df.origin, df.carrier).reset_index()",
    "resample": "df.assign(t=pd.to_datetime(df.time_hour)).resample('1h', on='t').distance.sum().reset_index()",
    "merge with its own mean": "df.merge(df.groupby('origin', as_index=False).distance.mean(), on='origin')",
    "outer merge": "df.merge(AIRPORTS, on='dest', how='outer')",
    "melt": "df.melt(id_vars=['id'], value_vars=['dep_delay', 'arr_delay'], ignore_index=False)",
    "sample": "df.sample(frac=0.5)",
    "sample with a seed": "df.sample(frac=0.5, random_state=1)",
    "random": "df.assign(x=np.random.rand(len(df)))",
    "now": "df.assign(x=pd.Timestamp.now())",
    "a new column for a batch without rows": "df[df.dep_delay.notna()].assign(late=df.arr_delay > 15)",
    "a mean in a helper": "df.assign(x=centred(df.distance))",
}

NOT_PROVED = {
    "a window longer than the sample": "df.assign(x=df.distance.rolling(5000).mean())",
    "today": "df.assign(x=pd.Timestamp('today').day)",
    "columns chosen and labels lost": "df[['id', 'origin']].reset_index(drop=True)",
    "a sort that the sample has already": "df.assign(k=0).sort_values('k', kind='stable')",
    "no row": "df[df.distance < 0]",
}

HELPERS = """
import numpy as np
import pandas as pd
LATE_MINUTES = 15
AIRPORTS = pd.DataFrame({"dest": ["ATL", "ORD", "LAX", "BOS"], "lat": [33.6, 41.9, 33.9, 42.3]})
CITIES = {"ATL": "Atlanta", "ORD": "Chicago", "LAX": "Los Angeles"}
def as_km(miles):
    return miles * 1.609
def centred(column):
    return column - column.mean()
"""


@pytest.mark.parametrize("body", EQUAL.values(), ids=EQUAL.keys())
def test_what_looks_at_its_own_row_is_equal(body: str) -> None:
    verdict = examined(body, prelude=HELPERS).verdict
    assert verdict.equal is True, verdict
    assert verdict.difference is None
    assert verdict.messages == ()
    assert verdict.splits >= 10


@pytest.mark.parametrize("body", DRIFTING.values(), ids=DRIFTING.keys())
def test_a_drifting_dtype_is_equal_and_said(body: str) -> None:
    verdict = examined(body).verdict
    assert verdict.equal is True, verdict
    assert verdict.messages == ("`x` is written as an integer in some batches and with a point in others (1 and 1.0).",)


@pytest.mark.parametrize("body", DIFFERENT.values(), ids=DIFFERENT.keys())
def test_what_looks_at_other_rows_differs(body: str) -> None:
    records = flights()
    verdict = examined(body, records, prelude=HELPERS).verdict
    assert verdict.equal is False, verdict
    difference = verdict.difference
    assert difference is not None
    coordinates = set(zip(records.partitions.tolist(), records.offsets.tolist(), strict=True))
    assert (difference.partition, difference.offset) in coordinates
    assert difference.whole != difference.split


@pytest.mark.parametrize("body", NOT_PROVED.values(), ids=NOT_PROVED.keys())
def test_what_the_sample_cannot_show_is_not_proved(body: str) -> None:
    verdict = examined(body).verdict
    assert verdict.equal is None, verdict
    assert verdict.difference is None
    assert len(verdict.reason) > 20


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("x = 1\ndf.assign(y=df.distance.rolling(3).mean())", "`rolling` (line 2) takes values from the rows before"),
        ("df.assign(x=df.dep_delay - df.dep_delay.mean())", "`mean` (line 1) takes in other rows"),
        ("df.sort_values('distance')", "not in the order of its records: `sort_values`"),
        ("df.groupby('origin', as_index=False).distance.mean()", "cannot be traced to single records"),
        ("df.assign(x=np.random.rand(len(df)))", "Two runs over the same records differ: `random`"),
        ("df.drop_duplicates('id')", "with its records repeated: `drop_duplicates`"),
    ],
)
def test_the_reason_names_the_cause(body: str, said: str) -> None:
    assert said in examined(body).verdict.reason

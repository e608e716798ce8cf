"""The verdict on cells that give a dict of frames by topic."""

from __future__ import annotations

import numpy as np
import pytest

from flight_records import flights, function_of
from headrace.kafka.inference import infer_from_values
from headrace.kafka.records import Records
from headrace.proof.digest import output_digest
from headrace.proof.examine import Examination, examine
from headrace.spec import StreamSpec

SPLIT = '{"big": df[df.distance > 1000], "small": df[df.distance <= 1000]}'


def look(body: str, records: Records | None = None, **spec: object) -> Examination:
    declared = StreamSpec.model_validate({"name": "s", "source": "flights", "sinks": ("big", "small"), **spec})
    sample = flights() if records is None else records
    return examine(declared, function_of(body), infer_from_values(sample.values), sample)


@pytest.mark.parametrize(
    "body",
    [
        '{"big": df, "small": df}',
        SPLIT,
        '{"big": df.assign(x=1)}',
        '{"big": df[["id"]], "small": df.explode("tags")}',
        'assert not df.id.isin([3, 70]).any()\n{"big": df, "small": df.assign(x=df.distance * 2)}',
    ],
)
def test_each_topic_has_its_own_order(body: str) -> None:
    verdict = look(body).verdict
    assert verdict.equal is True, verdict


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ('{"big": df, "small": df.sort_values("distance")}', "order"),
        ('{"big": df, "small": df.assign(x=df.distance.cumsum())}', "value"),
        ('{"big": df, "small": df.head(3)}', "row"),
        ('{"big" if len(df) > 3 else "small": df}', "row"),
    ],
)
def test_what_differs_in_one_topic_differs(body: str, kind: str) -> None:
    verdict = look(body).verdict
    assert verdict.equal is False, verdict
    assert verdict.difference is not None
    assert verdict.difference.kind == kind


def test_a_lookback_has_an_order_in_each_topic() -> None:
    body = 'step = df.groupby("origin").distance.diff()\n{"big": df.assign(step=step), "small": df[["id", "origin"]]}'
    verdict = look(body, key="origin", lookback="2rows").verdict
    assert verdict.equal is True, verdict


def test_rows_that_cannot_be_traced_are_compared_topic_by_topic() -> None:
    verdict = look('{"big": df, "small": df[["distance"]].reset_index(drop=True)}').verdict
    assert verdict.equal is None
    assert "cannot be traced" in verdict.reason


def test_rows_of_a_window_count_by_topic() -> None:
    body = 'topics = ["big", "small"]\n{topics[np.random.randint(2)]: df[["id"]]}'
    verdict = look(body, key="origin", window="tumbling=6h", time="time_hour", grace="30d").verdict
    assert verdict.equal is False, verdict


def test_two_rows_of_one_record_prove_nothing() -> None:
    verdict = look('{"big": df, "small": df}', flights(4, partitions=4).take([0])).verdict
    assert verdict.equal is None
    assert "longer sample" in verdict.reason


def test_the_digest_depends_on_the_topic_and_not_on_how_topics_are_interleaved() -> None:
    records = flights(4, partitions=1)
    rows = look(SPLIT, records).whole.before
    twice = rows.take([0, 1, 0, 1]).reset_index(drop=True)
    source, sinks = np.array([0, 1, 0, 1]), np.array([0, 0, 1, 1])
    digest = output_digest(twice, source, records, sinks)
    apart = np.array([0, 2, 1, 3])
    mixed = twice.take(apart).reset_index(drop=True)
    assert output_digest(mixed, source[apart], records, sinks[apart]) == digest
    assert output_digest(twice, source, records, 1 - sinks) == digest  # the same to both
    assert output_digest(twice, source, records, np.array([0, 1, 1, 1])) != digest

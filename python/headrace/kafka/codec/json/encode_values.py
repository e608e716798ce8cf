"""The rules by which one Python object becomes JSON; the quicker path must agree with these.

==================================  =======================================================================
object                              JSON
==================================  =======================================================================
``None``, NaN, NaT, NA, infinities  ``null``
numpy scalars and arrays, Series    the number, boolean or text they hold; arrays
``datetime``, ``Timestamp``         text in UTC, ``2026-11-22T10:00:00.000000Z``; without an offset it is UTC
``date``, ``time``                  ISO 8601 text
``timedelta``, ``Timedelta``        ISO 8601 duration, ``P0DT1H30M0S``
``Decimal``                         text, so that no digit is lost
``bytes``                           text in base64
``Period``, ``Interval``            their text
``set``, ``frozenset``              array, sorted where it can be
==================================  =======================================================================

Lists, tuples, dicts (keys become text), dataclasses, enums and UUIDs are what orjson makes of them.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal

import numpy as np
import orjson
import pandas as pd

from headrace.kafka.codec.json.times import format_time

OPTIONS = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_NON_STR_KEYS


def _timestamp(value: datetime) -> object:
    return format_time(value.to_pydatetime(warn=False) if isinstance(value, pd.Timestamp) else value)


def _duration(value: timedelta) -> object:
    return pd.Timedelta(value).isoformat()


def _scalar(value: np.generic) -> object:
    if isinstance(value, np.datetime64 | np.timedelta64):
        return to_json(pd.Timestamp(value) if isinstance(value, np.datetime64) else pd.Timedelta(value))
    plain = value.item()
    if isinstance(plain, np.generic):  # a long double: nothing of Python's is as wide
        return float(plain)
    return plain


def _set(value: set[object] | frozenset[object]) -> object:
    try:
        return sorted(value)  # type: ignore[type-var]  # what cannot be compared is caught
    except TypeError:
        return list(value)


_RULES: tuple[tuple[type | tuple[type, ...], Callable[..., object]], ...] = (
    (datetime, _timestamp),
    ((date, time), lambda value: value.isoformat()),
    (timedelta, _duration),
    (np.generic, _scalar),
    ((np.ndarray, pd.Series, pd.Index, pd.api.extensions.ExtensionArray), list),
    (Decimal, lambda value: str(value) if value.is_finite() else None),
    (float, float.__float__),
    ((bytes, bytearray, memoryview), lambda value: base64.b64encode(value).decode()),
    ((pd.Period, pd.Interval), str),
    ((set, frozenset), _set),
)


def to_json(value: object) -> object:
    """Return what stands for ``value`` in JSON; orjson asks this for what it does not know itself.

    Raises:
        TypeError: nothing does.
    """
    if value is pd.NaT or value is pd.NA:
        return None
    for kinds, rule in _RULES:
        if isinstance(value, kinds):
            return rule(value)
    raise TypeError(f"a {type(value).__name__} cannot be written as JSON")


def dump(value: object) -> bytes:
    """Return one value, or a whole row as a dict, as JSON.

    Raises:
        TypeError: it holds something that JSON cannot.
    """
    return orjson.dumps(value, to_json, OPTIONS)

"""See whether a cell changes what lies outside it."""

from __future__ import annotations

import hashlib
import pickle
from types import BuiltinFunctionType, FunctionType, ModuleType

import pandas as pd

from headrace.engine.context import Function
from headrace.proof.causes import codes_of, functions_of
from headrace.proof.digest import canonical

LARGEST_PICKLE = 50_000_000
"""Bytes; of larger objects only the identity is watched."""


def fingerprint(function: Function) -> dict[str, str]:
    """Return a digest of each global value that ``function`` refers to, itself or through its own functions.

    Two fingerprints differ in a name exactly if the value was rebound or changed in between. Modules, functions and
    classes are no values; of what cannot be pickled only the identity is watched.
    """
    digests: dict[str, str] = {}
    for own in functions_of(function):
        names = {name for code in codes_of(own.__code__) for name in code.co_names}
        for name in sorted(names & own.__globals__.keys()):
            value = own.__globals__[name]
            if not isinstance(value, ModuleType | FunctionType | BuiltinFunctionType | type):
                digests[name] = _digest(value)
    return digests


def changed(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """Return the names whose values differ between two fingerprints, those that came or went included."""
    return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))


def _digest(value: object) -> str:
    if isinstance(value, pd.DataFrame | pd.Series | pd.Index):
        return _frame_digest(value)
    try:
        content = pickle.dumps(value, protocol=5)
    except Exception:  # noqa: BLE001  objects raise what they like when pickled
        return f"identity {id(value)}"
    if len(content) > LARGEST_PICKLE:
        return f"identity {id(value)}"
    return hashlib.sha256(content).hexdigest()


def _frame_digest(value: pd.DataFrame | pd.Series | pd.Index) -> str:
    """Digest a frame by its content: its internal layout, which pickle shows, changes by mere use."""
    frame = value.to_frame() if isinstance(value, pd.Series | pd.Index) else value
    digest = hashlib.sha256(repr([*zip(map(str, frame.columns), map(str, frame.dtypes), strict=True)]).encode())
    try:
        digest.update(pd.util.hash_pandas_object(frame, index=True).to_numpy().tobytes())
    except TypeError:  # lists, dicts and their like do not hash
        for place in range(frame.shape[1]):
            digest.update(b"".join(map(canonical, frame.iloc[:, place].tolist())))
    return digest.hexdigest()

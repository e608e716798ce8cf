"""The streams that the system tests run, one of each kind."""

from __future__ import annotations

import json
import textwrap
from dataclasses import dataclass, field
from pathlib import Path

_TYPES = {
    "number": "int64",
    "tailnum": "str",
    "time": "datetime64[us, UTC]",
    "delay": "float64",
    "distance": "int64",
}
_REMEMBERS = {"key": "tailnum", "time": "time", "grace": "2h", "idle": "48h"}
"""Idle for longer than any round: what closes a window must follow from the log, so that a verifier can tell it."""

_SPEED = """
kept = df[df.distance % 10 != 0]
return kept.assign(speed=kept.distance / (kept.delay + 60))
"""
_MEAN = """
by_tail = df.sort_values("tailnum", kind="stable")
rolling = by_tail.groupby("tailnum", dropna=False).rolling("28D", on="time")["delay"]
return by_tail.assign(mean=rolling.mean().to_numpy()).sort_index()[["number", "tailnum", "mean"]]
"""
_WINDOW = """
grouped = df.groupby(["window_start", "tailnum"], dropna=False)
return grouped.agg(
    first=("number", "first"), delay=("delay", "sum"), flights=("number", "size"), furthest=("distance", "max")
).reset_index()
"""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of stream.

    Attributes:
        name: what it is called on the command line; the verifier knows it by this name.
        body: the inside of its ``transform``.
        spec: its declaration, beside name, source and sink.
        document: further lines of its ``stream.yaml``.
        keyed: whether the source's records have the stream's key.
    """

    name: str
    body: str
    spec: dict[str, object] = field(default_factory=dict)
    document: dict[str, object] = field(default_factory=dict)
    keyed: bool = True

    @property
    def marked(self) -> bool:
        """Whether its last outputs come only when later records have come."""
        return "time" in self.spec

    @property
    def repartition(self) -> bool:
        """Whether it runs in two stages."""
        return bool(self.document.get("repartition"))


def _windowed(name: str, window: str) -> Kind:
    return Kind(name, _WINDOW, {**_REMEMBERS, "window": window}, {"windows_at_once": True})


KINDS = {
    kind.name: kind
    for kind in (
        Kind("stateless", _SPEED, {"key": "tailnum"}),
        Kind("lookback", _MEAN, {**_REMEMBERS, "lookback": "28d"}),
        _windowed("tumbling", "tumbling=6h"),
        _windowed("hopping", "hopping=12h,4h"),
        _windowed("session", "session=12h"),
        _windowed("count", "count=100"),
        Kind("repartition", _MEAN, {**_REMEMBERS, "lookback": "28d"}, {"repartition": True}, keyed=False),
    )
}


def write_folder(parent: Path, kind: Kind, name: str, source: str, sink: str, delivery: str) -> Path:
    """Write the stream folder of a kind as a commit would have it, and return it."""
    spec = {"name": name, "source": source, "sinks": [sink], "delivery": delivery, **kind.spec}
    folder = parent / name
    folder.mkdir(parents=True)
    document = {"spec": spec, "input": _TYPES, **kind.document}
    (folder / "stream.yaml").write_text(json.dumps(document, indent=2), encoding="utf-8")  # JSON is YAML
    inside = textwrap.indent(kind.body.strip(), "    ")
    (folder / "transform.py").write_text(f"import pandas as pd\n\n\ndef transform(df):\n{inside}\n", encoding="utf-8")
    return folder

"""The streams that the system tests run, one of each kind."""

from __future__ import annotations

import json
import re
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
_SIDE_TYPES = {"region": "int64", "seen": "datetime64[us, UTC]", "level": "float64"}
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
_TOTALS = """
delay = df["delay"].fillna(0)
groups = df["tailnum"].fillna("?")
known = totals.set_axis(totals.index.to_series().fillna("?"), axis=0).reindex(groups) if len(totals) else None
before = known[["sum", "rows"]].fillna(0).to_numpy() if known is not None else 0
out = df[["number", "tailnum"]].assign(sum=delay.groupby(groups).cumsum(), rows=groups.groupby(groups).cumcount() + 1.0)
out[["sum", "rows"]] += before
return out, out.groupby("tailnum", dropna=False)[["sum", "rows"]].last()
"""
_LEVEL = """
placed = df.assign(region=df.distance % 40).sort_values("time", kind="stable")
joined = pd.merge_asof(placed, levels, left_on="time", right_on="seen", by="region", tolerance=pd.Timedelta("6h"))
return joined.drop(columns=["delay", "distance", "time", "region"])
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
        arguments: what ``transform`` takes beside the frame.
        side: whether it has a side input.
    """

    name: str
    body: str
    spec: dict[str, object] = field(default_factory=dict)
    document: dict[str, object] = field(default_factory=dict)
    keyed: bool = True
    arguments: tuple[str, ...] = ()
    side: bool = False

    @property
    def marked(self) -> bool:
        """Whether its last outputs come only when later records have come."""
        return "grace" in self.spec

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
        Kind(
            "state",
            _TOTALS,
            {"key": "tailnum", "states": ["totals"]},
            {"states": {"totals": {"sum": "float64", "rows": "float64"}}},
            arguments=("totals",),
        ),
        Kind(
            "side", _LEVEL, {"key": "tailnum", "time": "time"}, {"matching": "row-id"}, arguments=("levels",), side=True
        ),
        Kind("repartition", _MEAN, {**_REMEMBERS, "lookback": "28d"}, {"repartition": True}, keyed=False),
        Kind(
            "repartition-window",
            _WINDOW,
            {**_REMEMBERS, "window": "tumbling=6h"},
            {"windows_at_once": True, "repartition": True},
            keyed=False,
        ),
    )
}


def write_folder(parent: Path, kind: Kind, name: str, source: str, sink: str, delivery: str) -> Path:
    """Write the stream folder of a kind as a commit would have it, and return it."""
    spec = {"name": name, "source": source, "sinks": [sink], "delivery": delivery, **kind.spec}
    folder = parent / name
    folder.mkdir(parents=True)
    document = {"spec": spec, "input": _TYPES, **kind.document}
    body, arguments = kind.body, list(kind.arguments)
    if kind.side:
        side = side_topic(name)
        spec["sides"] = [f"{side}:6h@seen"]
        document["sides"] = {side: _SIDE_TYPES}
        arguments = [re.sub(r"\W", "_", side)]
        body = body.replace("levels", arguments[0])
    (folder / "stream.yaml").write_text(json.dumps(document, indent=2), encoding="utf-8")  # JSON is YAML
    inside = textwrap.indent(body.strip(), "    ")
    taken = ", ".join(["df", *(["*"] if arguments else []), *arguments])
    text = f"import pandas as pd\n\n\ndef transform({taken}):\n{inside}\n"
    (folder / "transform.py").write_text(text, encoding="utf-8")
    return folder


def side_topic(name: str) -> str:
    """Return the topic of a stream's side input."""
    return f"{name}.levels"

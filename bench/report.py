"""Medians of a run of the benchmark as text and chart, in ``docs/performance.md``."""

from __future__ import annotations

import os
import statistics
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

from bench.contestants import CONTESTANTS
from bench.environments import PEERS
from bench.trial import Outcome
from bench.workloads import WORKLOADS

_DOCS = Path(__file__).parents[1] / "docs"
_PAGE = _DOCS / "performance.md"
_CHART = _DOCS / "images" / "performance.svg"
_BEGIN, _END = "<!-- make bench writes from here -->", "<!-- to here -->"
_OURS = "headrace"
_PYTHON_PEERS = {"quix": "quixstreams==", "faust": "faust-streaming==", "bytewax": "bytewax==", "spark": "pyspark=="}
_WIDTH, _ROW, _LEFT = 640, 22, 190
_COLOURS = {True: "#1976d2", False: "#9e9e9e"}


def write_report(outcomes: list[Outcome], say: Callable[[str], None]) -> None:
    """Write the medians of ``outcomes`` between the two marks of the page, and the chart beside it."""
    page = _PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    text = "\n".join([_BEGIN, "", *_lines(outcomes), _END])
    _PAGE.write_text(f"{before}{text}{after}", encoding="utf-8")
    _CHART.write_text(chart(outcomes), encoding="utf-8")
    say(f"wrote {_PAGE.name} and {_CHART.name}")


def medians(outcomes: list[Outcome], workload: str) -> dict[str, dict[str, float]]:
    """Return each contestant's median figures in a workload, of the runs without a problem."""
    found: dict[str, dict[str, float]] = {}
    for name in CONTESTANTS:
        own = [outcome.figures for outcome in outcomes if (outcome.workload, outcome.contestant) == (workload, name)]
        own = [figures for figures in own if figures]
        if own:
            found[name] = {key: statistics.median(figures[key] for figures in own) for key in own[0]}
    return found


def _lines(outcomes: list[Outcome]) -> Iterator[str]:
    rounds = max(sum((o.workload, o.contestant) == (outcomes[0].workload, _OURS) for o in outcomes), 1)
    loads = [outcome.load for outcome in outcomes if outcome.load is not None]
    load = f", load {statistics.median(loads):.1f} in the median" if loads else ""
    where = f"by turns on one broker, {os.cpu_count()} cores{load}"
    yield f"`make bench BENCH_FLAGS=--write`: medians of {rounds} rounds {where}."
    yield "Headrace is exactly-once throughout; ratios are of its records a second to the others'."
    yield ""
    yield "![Records a second, as ratios](images/performance.svg)"
    for name, workload in WORKLOADS.items():
        found = medians(outcomes, name)
        if _OURS in found:
            yield ""
            yield f"### {workload.title}"
            yield ""
            yield from _latency(outcomes, found) if workload.paced else _rates(outcomes, found, name)
    problems = [outcome for outcome in outcomes if outcome.problem]
    if problems:
        yield ""
        yield "Runs without a figure:"
        yield ""
        yield from (
            f"- {one.contestant}, {one.workload}: {(one.problem or '').splitlines()[0][:160]}" for one in problems
        )
    yield ""
    yield f"Versions: {', '.join(_versions())}."
    yield ""


def _rates(outcomes: list[Outcome], found: dict[str, dict[str, float]], workload: str) -> Iterator[str]:
    yield "| | delivery | records/s | Headrace is | CPU µs/record | peak RSS MB |"
    yield "|---|---|---|---|---|---|"
    ours = found[_OURS]["records_per_s"]
    for name, figures in found.items():
        rate = figures["records_per_s"]
        part = f" ({figures['share']:.0%} done in time)" if figures["share"] < 1 else ""
        ratio = "" if name == _OURS else f"{ours / rate:.2f}x"
        cells = [CONTESTANTS[name].title, _delivery(outcomes, name, workload), f"{rate:,.0f}{part}", ratio]
        cells += [f"{figures['cpu_us']:.1f}", f"{figures['rss_mb']:.0f}"]
        yield f"| {' | '.join(cells)} |"


def _latency(outcomes: list[Outcome], found: dict[str, dict[str, float]]) -> Iterator[str]:
    yield "| | delivery | p50 ms | p99 ms | of a core | peak RSS MB |"
    yield "|---|---|---|---|---|---|"
    for name, figures in found.items():
        cells = [CONTESTANTS[name].title, _delivery(outcomes, name, "latency"), f"{figures['p50_ms']:.0f}"]
        cells += [f"{figures['p99_ms']:.0f}", f"{figures['core']:.0%}", f"{figures['rss_mb']:.0f}"]
        yield f"| {' | '.join(cells)} |"


def _delivery(outcomes: list[Outcome], contestant: str, workload: str) -> str:
    return next(o.delivery for o in outcomes if (o.workload, o.contestant) == (workload, contestant))


def _versions() -> Iterator[str]:
    for package in ("confluent-kafka", "pandas", "orjson"):
        yield f"{package} {version(package)}"
    for peer, package in _PYTHON_PEERS.items():
        yield next(line for line in _pins(peer, "requirements.txt") if line.startswith(package)).replace("==", " ")
    coordinates = next(line.split()[-1] for line in _pins("kafka_streams", "jars.txt") if "kafka-streams" in line)
    yield coordinates.split(":", 1)[1].replace(":", " ")


def _pins(peer: str, file: str) -> list[str]:
    return (PEERS / peer / file).read_text(encoding="utf-8").splitlines()


def chart(outcomes: list[Outcome]) -> str:
    """Return bars of each throughput workload, as long as a contestant's rate by the fastest's, as SVG."""
    rows, y = [], 14
    for name, workload in WORKLOADS.items():
        found = medians(outcomes, name)
        if workload.paced or _OURS not in found:
            continue
        rows.append(f'<text x="4" y="{y + 4}" font-weight="bold">{name}</text>')
        y += _ROW
        most = max(figures["records_per_s"] for figures in found.values())
        for contestant, figures in sorted(found.items(), key=lambda pair: -pair[1]["records_per_s"]):
            share = figures["records_per_s"] / most
            width = round(share * (_WIDTH - _LEFT - 60))
            colour = _COLOURS[contestant == _OURS]
            rows.append(f'<text x="4" y="{y + 4}">{CONTESTANTS[contestant].title}</text>')
            rows.append(f'<rect x="{_LEFT}" y="{y - 9}" width="{max(width, 1)}" height="15" fill="{colour}"/>')
            rows.append(f'<text x="{_LEFT + width + 6}" y="{y + 4}">{share:.2f}</text>')
            y += _ROW
        y += _ROW // 2
    body = "\n".join(rows)
    style = 'font-family="sans-serif" font-size="12" fill="#616161"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{y}" {style}>\n{body}\n</svg>\n'

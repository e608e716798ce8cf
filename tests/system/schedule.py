"""What happens when in a round; the same for the same seed."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from .faults import FAULTS, Fault, Kill, Rescale


@dataclass(frozen=True, slots=True)
class Strike:
    """A fault and its point in a round.

    Attributes:
        after: how many records of the input are committed before it comes.
        delay: seconds after that.
        fault: what comes.
    """

    after: int
    delay: float
    fault: Fault

    def __str__(self) -> str:
        return f"after {self.after:>9,} records + {self.delay * 1000:3.0f} ms: {self.fault}"


def drawn(random: Random, count: int, records: int, names: list[str]) -> list[Strike]:
    """Return ``count`` faults of the kinds ``names``, each kind at least once where there are enough."""
    deck = random.sample(names, len(names))[:count]
    weights = [FAULTS[name].weight for name in names]
    deck += random.choices(names, weights, k=count - len(deck))
    random.shuffle(deck)
    return _spread(random, [FAULTS[name].draw(random) for name in deck], records)


def kills_and_rescales(random: Random, kills: int, records: int, counts: list[int]) -> list[Strike]:
    """Return kills, and between them changes of the number of replicas, evenly."""
    faults: list[Fault] = [Kill(random.random(), round(random.random(), 2)) for _ in range(kills)]
    for place, count in reversed(list(enumerate(counts, 1))):
        faults.insert(place * kills // (len(counts) + 1), Rescale(count))
    return _spread(random, faults, records)


def _spread(random: Random, faults: list[Fault], records: int) -> list[Strike]:
    piece = records / (len(faults) + 1)
    return [
        Strike(int((number + random.uniform(0.1, 0.9)) * piece), round(random.uniform(0, 0.06), 3), fault)
        for number, fault in enumerate(faults)
    ]

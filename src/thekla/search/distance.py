"""How far programs are from each other, by text and by what they score on each instance."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Sequence

from thekla.core.evaluation import Scored
from thekla.core.problem import Objective
from thekla.search.elites import Elite

__all__ = ["Shingles", "instance_gains", "jaccard", "shingles", "spread"]

Shingles = frozenset[tuple[str, str]]

_TOKEN = re.compile(r"[A-Za-z_]\w*|\d[\w.]*|[^\w\s]")


def shingles(text: str) -> Shingles:
    """Pairs of neighbouring tokens, without comments and with all numbers alike: layout and constants do not count."""
    lines = (line.partition("#")[0] for line in text.splitlines())
    tokens = ["0" if token[0].isdigit() else token for line in lines for token in _TOKEN.findall(line)]
    return frozenset(itertools.pairwise(tokens))


def jaccard(one: Shingles, other: Shingles) -> float:
    """1 minus the share of what both have in what either has; 0 for equal sets."""
    either = len(one | other)
    return 1 - len(one & other) / either if either else 0.0


def instance_gains(outcome: Scored, objective: Objective) -> dict[str, float]:
    """The gain on each instance that has a score of the objective."""
    return {
        name: objective.gain(result.scores[objective.name])
        for name, result in outcome.instances.items()
        if objective.name in result.scores
    }


def spread(elites: Sequence[Elite]) -> float:
    """The difference between the best and the worst gain; 1 if there is none."""
    gains = [elite.gain for elite in elites]
    width = max(gains) - min(gains) if gains else 0.0
    return width if width > 0 and math.isfinite(width) else 1.0

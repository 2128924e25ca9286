"""How far programs are from each other, by text and by what they score on each instance."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Sequence
from functools import lru_cache

from thekla.core.evaluation import Scored
from thekla.core.problem import Objective
from thekla.search.elites import Elite

__all__ = [
    "Behaviour",
    "Outline",
    "behaviour_of",
    "instance_gains",
    "jaccard",
    "outline",
    "phrases",
    "size_of",
    "spread",
]

Outline = frozenset[str]

Behaviour = tuple[str, ...]
"""What a program scores on each instance, to three digits."""

_NUMBER = re.compile(r"\b\d[\w.]*")
_TOKEN = re.compile(r"\w+|[^\w\s]")
_COMMENT = re.compile(r"#.*")
_EMPTY = frozenset({""})


def outline(text: str) -> Outline:
    """The lines of a program without blanks and comments, and with all numbers alike: constants do not count.

    Programs of a search share most of their lines, so each line is looked at once.
    """
    return frozenset(map(_bare, text.split("\n"))) - _EMPTY


def phrases(text: str) -> Outline:
    """The pairs of neighbouring tokens in the lines of a program without comments, and with all numbers alike.

    So more of what a program has already, as another entry of a list or the same line again, makes no difference.
    """
    return frozenset().union(*map(_pairs, text.split("\n")))


def size_of(text: str) -> int:
    """The characters of a program without blanks and comments, where a number is one character."""
    return sum(map(len, map(_bare, text.split("\n"))))


def jaccard(one: Outline, other: Outline) -> float:
    """1 minus the share of what both have in what either has; 0 for equal sets."""
    both = len(one & other)
    either = len(one) + len(other) - both
    return 1 - both / either if either else 0.0


@lru_cache(maxsize=8_192)  # about ten megabytes
def _pairs(line: str) -> Outline:
    tokens = _TOKEN.findall(_without_numbers(line))
    return frozenset(f"{one} {other}" for one, other in itertools.pairwise(["", *tokens]))


@lru_cache(maxsize=32_768)  # about ten megabytes
def _bare(line: str) -> str:
    return _without_numbers(line).replace(" ", "").replace("\t", "")


def _without_numbers(line: str) -> str:
    """A line without its comment, in which all numbers are alike."""
    return _NUMBER.sub("0", _COMMENT.sub("", line))


def instance_gains(outcome: Scored, objective: Objective) -> dict[str, float]:
    """The gain on each instance that has a score of the objective."""
    return {
        name: objective.gain(result.scores[objective.name])
        for name, result in outcome.instances.items()
        if objective.name in result.scores
    }


def behaviour_of(elite: Elite, objective: Objective) -> Behaviour:
    """The behaviour of a scored program; variants that differ in nothing that counts have the same."""
    gains = instance_gains(elite.outcome, objective) or {"": elite.gain}
    return tuple(f"{gain:.3g}" for _, gain in sorted(gains.items()))


def spread(elites: Sequence[Elite]) -> float:
    """The difference between the best and the worst gain; 1 if there is none."""
    gains = [elite.gain for elite in elites]
    width = max(gains) - min(gains) if gains else 0.0
    return width if width > 0 and math.isfinite(width) else 1.0

"""The history of a run, folded once: credit of operators, children by parent, progress."""

from __future__ import annotations

import re
from bisect import insort
from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from thekla.core.evaluation import Failed, FailureKind, Scored
from thekla.core.problem import Objective
from thekla.core.program import CandidateId, Program, ProgramId
from thekla.core.run import IMPORT, NOTE, SEED, Told
from thekla.prompting.island import rejections_in, without_rejections

__all__ = ["Credit", "Fold", "Setback", "error_class", "first_line", "head_of", "parts_of", "who_made"]

_HALF_LIFE = 200.0  # evaluations after which a success counts half
_DECAY = 0.5 ** (1.0 / _HALF_LIFE)
_PREFIX = 12  # hexadecimal digits of a program id: a chance of 1e-9 of one collision among 700 programs
_MOST_TRIED = 256  # remembered children of one program
_MOST_SETBACKS = 64  # remembered ways in which the children of one program failed
_RECENT = 12  # answers of a model over which the share of unusable ones is counted
_MOST_CHILDREN = 8  # best scored children of one program that are remembered
_IDEAS = 3  # remembered ideas that failed in one way
_HEAD = 120  # characters of what a program says of itself
_NUMBER = re.compile(r"0x[0-9a-fA-F]+|\d+(?:\.\d+)?")
_MESSAGE = 200  # characters of a message or of an instance's feedback
_NOT_TRIED = frozenset({FailureKind.INFRASTRUCTURE, FailureKind.DUPLICATE, FailureKind.NOTE})
_NOT_ITS_FAULT = _NOT_TRIED | {FailureKind.OUTRACED}  # which ran, and was not good enough


def parts_of(operator: str) -> tuple[str, ...]:
    """The single edits that an operator's name lists, each once: `cap+sort+cap` is `cap` and `sort`."""
    return tuple(dict.fromkeys(part for part in operator.split("+") if part))


@dataclass(slots=True)
class Credit:
    """What one operator has earned; all four numbers decay with a half-life of 200 evaluations.

    Args:
        gain: Sum of relative improvements over the better parent, each at most 1.
        step: The evaluation up to which the numbers are decayed.
    """

    tried: float = 0.0
    improved: float = 0.0
    failed: float = 0.0
    gain: float = 0.0
    step: int = 0

    def at(self, step: int) -> tuple[float, float, float, float]:
        """Tried, improved, failed and gain as they count at a later step."""
        factor = _DECAY ** (step - self.step)
        return self.tried * factor, self.improved * factor, self.failed * factor, self.gain * factor

    def earn(self, step: int, *, improved: bool, failed: bool, gain: float) -> None:
        """Add one evaluation."""
        self.tried, self.improved, self.failed, self.gain = self.at(step)
        self.step = step
        self.tried += 1.0
        self.improved += improved
        self.failed += failed
        self.gain += gain


def first_line(text: str) -> str:
    """The first line of a text, cut to 200 characters."""
    line = text.strip().split("\n", 1)[0].rstrip()
    return line if len(line) <= _MESSAGE else f"{line[: _MESSAGE - 3]}..."


def who_made(operator: str) -> str:
    """The first two words of an operator: of a language model's answer its role and name."""
    return " ".join(operator.split()[:2])


def error_class(message: str) -> str:
    """The first line of a message without its numbers, which differ from case to case of one error."""
    return _NUMBER.sub("#", first_line(message))


def head_of(program: Program) -> str:
    """The first line of words of a program: its docstring's or first comment's, which says what it tries."""
    for line in program.text.split("\n"):
        words = line.strip().strip("\"'#").strip()
        if words:
            return words[:_HEAD]
    return "(empty)"


@dataclass(slots=True)
class Setback:
    """One way in which children of a program failed.

    Args:
        message: Of the first of them.
        operator: The edit after which it came first.
        ideas: What the children said that they try, each once, where it was another thing than their parent.
    """

    message: str
    operator: str
    count: int = 0
    ideas: dict[str, None] = field(default_factory=dict)


@dataclass
class Fold:
    """What the brief needs of a history, kept up to date told by told.

    Args:
        children: The best scored children of each program, best first, the earlier of equals before the later.
        lost: Of the latest answers of each model, whether each held no program.
        note: The latest outcome that is a note on the search.
    """

    objective: Objective
    told: list[Told] = field(default_factory=list)
    by_candidate: dict[CandidateId, Told] = field(default_factory=dict)
    setbacks: dict[ProgramId, dict[tuple[str, str], Setback]] = field(default_factory=dict)  # by kind and error class
    repeats: dict[ProgramId, int] = field(default_factory=dict)
    tried: dict[ProgramId, dict[str, None]] = field(default_factory=dict)
    credit: dict[str, Credit] = field(default_factory=dict)
    children: dict[ProgramId, list[Told]] = field(default_factory=dict)
    lost: dict[str, deque[bool]] = field(default_factory=lambda: defaultdict(lambda: deque(maxlen=_RECENT)))
    best: Told | None = None
    best_gain: float | None = None
    evaluations: int = 0
    improved_at: int = 0
    note: Told | None = None
    _source: Sequence[Told] | None = field(default=None, init=False, repr=False, compare=False)

    def extends(self, history: Sequence[Told]) -> bool:
        """Whether the fold is that of a beginning of the history; at once for the one that it was last advanced to."""
        known = len(self.told)
        if history is self._source:  # histories only grow
            return len(history) >= known and (known == 0 or history[known - 1] is self.told[-1])
        beginning = history[:known]
        return (beginning if isinstance(beginning, list) else list(beginning)) == self.told

    def advance(self, history: Sequence[Told]) -> None:
        """Take in what the history has beyond the fold."""
        self._source = history
        for told in history[len(self.told) :]:
            self._take(told)

    def gain_of(self, told: Told | None) -> float | None:
        """The gain of a scored candidate on the first objective, None for any other."""
        if told is None or not isinstance(told.outcome, Scored):
            return None
        score = told.outcome.scores.get(self.objective.name)
        return None if score is None else self.objective.gain(score)

    def _take(self, told: Told) -> None:
        self.told.append(told)
        self.evaluations += 1
        candidate = told.candidate
        gain = self.gain_of(told)
        if gain is not None and (self.best_gain is None or gain > self.best_gain):
            self.best, self.best_gain, self.improved_at = told, gain, self.evaluations
        if told.ticket.operator not in (SEED, IMPORT):
            operator = candidate.operator if candidate is not None else told.operator or told.ticket.operator
            operator = without_rejections(operator)
            self._remember(told, operator)
            self._credit(told, operator, gain)
        if candidate is not None:
            self.by_candidate.setdefault(candidate.id, told)
        self._answered(told)

    def _answered(self, told: Told) -> None:
        kind = told.outcome.kind if isinstance(told.outcome, Failed) else None
        if kind is FailureKind.NOTE:
            self.note = told
        if told.ticket.operator not in (SEED, IMPORT, NOTE):
            who = who_made(told.candidate.operator if told.candidate is not None else told.operator)
            self.lost[who].append(kind is FailureKind.NO_PROGRAM and not rejections_in(told.operator))

    def _remember(self, told: Told, operator: str) -> None:
        if not told.ticket.parents:
            return
        program = told.ticket.parents[0].program
        parent = program.id
        if told.candidate is not None:
            tried = self.tried.setdefault(parent, {})
            tried[told.candidate.program.id[:_PREFIX]] = None
            if len(tried) > _MOST_TRIED:
                del tried[next(iter(tried))]
        if self.gain_of(told) is not None:
            children = self.children.setdefault(parent, [])
            insort(children, told, key=lambda one: -(self.gain_of(one) or 0.0))
            del children[_MOST_CHILDREN:]
        if not isinstance(told.outcome, Failed):
            return
        if told.outcome.kind is FailureKind.DUPLICATE:
            self.repeats[parent] = self.repeats.get(parent, 0) + 1
        if told.outcome.kind in _NOT_ITS_FAULT:
            return
        setbacks = self.setbacks.setdefault(parent, {})
        key = (str(told.outcome.kind), error_class(told.outcome.message))
        if key in setbacks or len(setbacks) < _MOST_SETBACKS:
            setback = setbacks.setdefault(key, Setback(first_line(told.outcome.message), operator))
            setback.count += 1
            idea = head_of(told.candidate.program) if told.candidate is not None else ""
            if idea and idea != head_of(program) and len(setback.ideas) < _IDEAS:
                setback.ideas[idea] = None

    def _credit(self, told: Told, operator: str, gain: float | None) -> None:
        if isinstance(told.outcome, Failed) and told.outcome.kind in _NOT_TRIED:
            return
        failed = isinstance(told.outcome, Failed) and told.outcome.kind not in _NOT_ITS_FAULT
        parents = [self.gain_of(self.by_candidate.get(parent.id)) for parent in told.ticket.parents]
        known = [parent for parent in parents if parent is not None]
        earned = 0.0
        if gain is not None and known and gain > max(known):
            earned = min(1.0, (gain - max(known)) / max(abs(max(known)), 1e-12))
        for part in parts_of(operator):
            self.credit.setdefault(part, Credit()).earn(
                self.evaluations, improved=earned > 0.0, failed=failed, gain=earned
            )

"""Our default: climb while it pays; when it does not, try tactics and a second line that is far from the first."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from random import Random

from thekla.core.evaluation import Failed, FailureKind
from thekla.core.problem import Problem
from thekla.core.run import SEED, Ticket, Told
from thekla.core.values import Data
from thekla.search.elites import Elite
from thekla.search.front import InstanceFront
from thekla.search.line import Line, patience_within
from thekla.search.ranked import RankedStrategy, planted, used_budget
from thekla.search.settings import at_least
from thekla.search.starts import Starts
from thekla.search.tactics import TACTICS, TacticBandit

__all__ = ["Thekla"]

_MAIN, _SIDE = "main", "side"
_TACTIC_SHARE = 0.5  # of the main line's tickets, while it stands still
_BARREN = 4  # tickets in a row without a new program, after which another parent is taken
_SHOWN = 5  # lines of text that a hint may quote


class Thekla(RankedStrategy):
    """A main line that climbs, and a second one that is opened when the first stands still.

    As long as the main line improves, this is greedy search with drift, which beats published engines on smooth
    problems. Each of the other mechanisms starts from a sign that climbing has ended, and can be switched off:

    Args:
        evaluations: The budget; a line's patience is 8 % of it, between 16 and 60 evaluations.
        second_line: Open a second line at a program that differs in structure and behaviour from where lines have
            been (`search.starts`), and let it climb undisturbed by better programs until it overtakes the main line or
            stands still itself. The more of them have led nowhere, the fewer tickets the next one gets.
        tactics: Ask for something else by a hint; a bandit chooses which.
        complement: Show the programs that are best on instances where the parent is not.
        suppress: Leave a parent for an earlier one while its children are duplicates, and name the lines that an
            improvement took out, so that they are not brought back.
        diverse_seeds: Give each seed program a line for a share of the budget before the best goes on.
        frugal: Let a child that scores as its parent take its place only if it is no longer.

    References:
        The parts are published: stagnation as the sign for new tactics (AdaEvolve), fronts by instance (GEPA), leaps
        that get time of their own (LEVI); docs/reference/strategies.md says what each is worth.
    """

    name = "thekla"
    version = "3"

    def __init__(
        self,
        problem: Problem,
        *,
        seed: int,
        evaluations: int = 200,
        second_line: bool = True,
        tactics: bool = True,
        complement: bool = True,
        suppress: bool = True,
        diverse_seeds: bool = True,
        frugal: bool = True,
    ) -> None:
        super().__init__(problem, seed=seed)
        at_least(1, evaluations=evaluations)
        self._patience = patience_within(evaluations)
        self._second_line = second_line
        self._tactics = TacticBandit() if tactics else None
        self._complement = complement
        self._suppress = suppress
        self._front = InstanceFront(problem.objective)
        self._lines: dict[int, Line] = {}
        self._roles: dict[str, int] = {}
        self._opened = 0
        self._look_at = 0
        self._starts = Starts(problem.objective)
        self._removed: dict[str, None] = {}
        self._waiting: deque[Elite] = deque()  # seeds that have not had their line yet
        self._diverse_seeds = diverse_seeds
        self._frugal = frugal
        self._failed = 0  # second lines that led nowhere since one took over

    def _choose(self, rng: Random) -> Ticket:
        self._keep_lines(rng)
        main, side = self._lines[self._roles[_MAIN]], self._side
        role = _MAIN
        if side is not None and rng.random() < self._side_share(main):
            role = _SIDE
        line = self._lines[self._roles[role]]
        route: dict[str, Data] = {"line": self._roles[role]}
        hints = list(self._bans())
        if role == _MAIN and main.stalled and self._tactics is not None and rng.random() < _TACTIC_SHARE:
            tactic = self._tactics.choose()
            self._tactics.asked(tactic)
            route["tactic"] = tactic
            hints.append(TACTICS[tactic])
        parent = self._parent(line, rng)
        return self._ticket([parent], list(self._shown(parent, rng)), hints=hints, route=route)

    def _learn(self, told: Told, elite: Elite | None) -> None:
        if elite is not None:
            self._front.add(elite)
            self._starts.add(elite, leads=self._ranking[0] is elite)
        if planted(told):
            if elite is not None:
                self._plant(elite, seed=told.ticket.operator == SEED)
            return
        duplicate = isinstance(told.outcome, Failed) and told.outcome.kind is FailureKind.DUPLICATE
        number = told.ticket.route.get("line")
        line = self._lines.get(number) if isinstance(number, int) else None
        before = line.head if line is not None else None
        if (
            line is not None
            and line.offer(elite, new=not duplicate, counts=used_budget(told))
            and elite is not None
            and before is not None
        ):
            self._improved(told, before, elite)
        elif elite is not None and _MAIN in self._roles:
            main = self._lines[self._roles[_MAIN]]
            if elite.gain > main.head.gain:  # of a line that is closed
                main.offer(elite, new=True)

    def _side_share(self, main: Line) -> float:
        """The share of tickets for the second line: the less the more of them have led nowhere, and the more the
        longer the main line has stood still; half of it while that one improves."""
        share = (1 + main.idle) / (2 + main.idle + self._failed)
        return share if main.stalled else share / 2

    @property
    def _side(self) -> Line | None:
        return self._lines.get(self._roles.get(_SIDE, -1))

    def _plant(self, elite: Elite, *, seed: bool) -> None:
        """Take in a program that was not asked for: the best seed begins the main line and others wait for a line of
        their own; an import joins the line that its parent belongs to."""
        if _MAIN not in self._roles:
            self._open(_MAIN, elite)
            return
        main = self._lines[self._roles[_MAIN]]
        if not seed:
            parents = elite.candidate.parents
            line = next((one for one in self._lines.values() if not one.members.isdisjoint(parents)), main)
            line.offer(elite, new=True)
        elif elite.gain > main.head.gain:
            self._waiting.append(main.head)
            self._open(_MAIN, elite)
        else:
            self._waiting.append(elite)

    def _open(self, role: str, start: Elite) -> None:
        self._lines.pop(self._roles.get(role, -1), None)
        self._opened += 1
        self._lines[self._opened] = Line(start, patience=self._patience, frugal=self._frugal)
        self._roles[role] = self._opened

    def _keep_lines(self, rng: Random) -> None:
        """Let the better line be the main one, close a second line that stands still, and open one if it is time."""
        main, side = self._lines[self._roles[_MAIN]], self._side
        if side is not None and side.best.gain > main.best.gain:
            self._starts.visit(main.best)
            self._lines.pop(self._roles[_MAIN])
            self._roles = {_MAIN: self._roles[_SIDE]}
            self._failed = 0
        elif side is not None and side.exhausted:
            self._failed += 1
            self._starts.visit(side.start, side.best)
            self._lines.pop(self._roles.pop(_SIDE))
        if self._side is not None:
            return
        if self._waiting and self._diverse_seeds:
            self._open(_SIDE, self._waiting.popleft())
        elif self._second_line and self._asked >= self._look_at and self._lines[self._roles[_MAIN]].stalled:
            start = self._starts.draw(self._lines[self._roles[_MAIN]].head, rng)
            if start is not None:
                self._open(_SIDE, start)
            else:  # looking costs the reading of some programs, and what was not there is not there at once
                self._look_at = self._asked + self._patience

    def _parent(self, line: Line, rng: Random) -> Elite:
        """The line's head, or an earlier one while the head brings nothing new."""
        earlier = line.earlier
        if self._suppress and line.barren >= _BARREN and earlier:
            return rng.choice([line.head, *earlier])
        return line.head

    def _shown(self, parent: Elite, rng: Random) -> Iterator[Elite]:
        if self._complement and len(self._front) > 1:
            other = self._front.complement(parent, rng)
            if other is not None:
                yield other
        if self._side is not None:
            yield from (line.head for line in self._lines.values())

    def _improved(self, told: Told, before: Elite, elite: Elite) -> None:
        if elite.gain <= before.gain:
            return
        tactic = told.ticket.route.get("tactic")
        if self._tactics is not None and isinstance(tactic, str):
            self._tactics.paid(tactic)
        if self._suppress:
            kept = set(elite.candidate.program.text.splitlines())
            for text in before.candidate.program.text.splitlines():
                if text not in kept and len(text.strip()) > _SHOWN:
                    self._removed[text.strip()] = None
            for text in {text.strip() for text in kept} & self._removed.keys():
                del self._removed[text]
            while len(self._removed) > _SHOWN:
                del self._removed[next(iter(self._removed))]

    def _bans(self) -> Iterator[str]:
        if self._suppress and self._removed:
            quoted = "\n".join(f"    {text}" for text in self._removed)
            yield f"Taking these lines out was an improvement; do not bring them back:\n{quoted}"

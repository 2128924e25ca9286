"""MCTS-AHD: programs in a tree, so that a weak one may be worked on because of what comes below it."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random

from thekla.core.problem import Problem
from thekla.core.program import CandidateId
from thekla.core.run import Ticket, Told
from thekla.core.values import Data
from thekla.search.elites import Elite
from thekla.search.ranked import RankedStrategy, planted
from thekla.search.settings import at_least

__all__ = ["TreeSearch"]

_HINTS = {
    "e1": "Write a program whose form is totally different from those shown.",
    "e2": "Name the idea that the programs shown have in common, and give it a new form.",
    "m1": "Write a modified version of the program, with another structure of its steps.",
    "m2": "Keep the form of the program and choose its parameters anew.",
    "s1": "The programs shown lead from the first attempt to this one; go on in the direction that paid.",
}


@dataclass(kw_only=True, eq=False)
class _Node:
    """A program in the tree; `value` is the best gain at or below it."""

    elite: Elite | None
    parent: _Node | None
    value: float = -math.inf
    visits: int = 0
    children: list[_Node] = field(default_factory=list)

    @property
    def depth(self) -> int:
        return 0 if self.parent is None else 1 + self.parent.depth

    def path(self) -> Iterator[_Node]:
        """This node and those above it, without the root, which holds no program."""
        node: _Node | None = self
        while node is not None and node.parent is not None:
            yield node
            node = node.parent


class TreeSearch(RankedStrategy):
    """Upper confidence bounds for trees over the best value below each node, scaled to the values seen.

    From the root the best child is followed; a node that has fewer children than `visits ** widening` gets one more (E1
    at the root, E2 below), and a leaf is expanded by E2 once, M1 and M2 twice, and S1 once, which shows the whole path.
    Exploration falls linearly over the budget. Seeds are children of the root; `initial` more are asked for by E1.

    Args:
        evaluations: The budget over which exploration falls.
        explore: The constant of the bound at the beginning.
        depth: Most programs on a path.

    References:
        Zheng et al. 2025, Monte Carlo Tree Search for Comprehensive Exploration in LLM-Based Automatic Heuristic
        Design.
    """

    name = "mcts_ahd"

    def __init__(
        self,
        problem: Problem,
        *,
        seed: int,
        evaluations: int = 200,
        initial: int = 4,
        explore: float = 0.1,
        widening: float = 0.5,
        depth: int = 10,
    ) -> None:
        super().__init__(problem, seed=seed)
        at_least(1, evaluations=evaluations, depth=depth)
        at_least(0, initial=initial, explore=explore, widening=widening)
        self._evaluations = evaluations
        self._explore, self._widening, self._depth = explore, widening, depth
        self._root = _Node(elite=None, parent=None)
        self._nodes: dict[CandidateId, _Node] = {}
        self._plan: deque[tuple[str, _Node]] = deque(("e1", self._root) for _ in range(initial))
        self._flying: dict[str, _Node] = {}
        self._told = 0

    def idle_within(self, evaluations: int) -> list[str]:
        if len(self._plan) >= evaluations:
            return [f"initial is {len(self._plan)}: the tree never grows within {evaluations} evaluations"]
        return []

    def _choose(self, rng: Random) -> Ticket:
        if not self._plan:
            self._expand()
        operator, node = self._plan.popleft()
        parents = self._parents(operator, node, rng)
        route: dict[str, Data] = {"operator": operator}
        if operator == "e1":
            route["tactic"] = operator
        ticket = self._ticket(parents[:1], parents[1:], hints=[_HINTS[operator]], route=route)
        self._flying[ticket.id] = node
        return ticket

    def _learn(self, told: Told, elite: Elite | None) -> None:
        self._told += not planted(told)
        above = self._flying.pop(told.ticket.id, self._root)
        if elite is None:
            return
        node = _Node(elite=elite, parent=above)
        above.children.append(node)
        self._nodes[elite.candidate.id] = node
        for one in (*node.path(), self._root):
            one.value = max(one.value, elite.gain)
            one.visits += 1

    def _expand(self) -> None:
        """Plan the next tickets: widen a node on the way down, or expand the leaf at its end."""
        node = self._root
        while node.children and node.depth < self._depth:
            if len(node.children) < math.floor(node.visits**self._widening):
                self._plan.append(("e1" if node is self._root else "e2", node))
                return
            node = max(node.children, key=self._bound)
        self._plan.extend((operator, node) for operator in ("e2", "m1", "m1", "m2", "m2", "s1"))

    def _bound(self, node: _Node) -> float:
        assert node.parent is not None
        low = self._ranking[len(self._ranking) - 1].gain
        width = (self._ranking[0].gain - low) or 1.0
        explore = self._explore * max(0.0, 1 - self._told / self._evaluations)
        return (node.value - low) / width + explore * math.sqrt(math.log(node.parent.visits + 1) / node.visits)

    def _parents(self, operator: str, node: _Node, rng: Random) -> Sequence[Elite]:
        """The programs for an operator, the one to be changed first."""
        best = self._ranking[0]
        if node.elite is None:
            children = [child.elite for child in node.children if child.elite is not None]
            return rng.sample(children, min(2, len(children))) or [best]
        if operator == "s1":
            return [one.elite for one in node.path() if one.elite is not None]
        return [node.elite, best] if operator == "e2" else [node.elite]

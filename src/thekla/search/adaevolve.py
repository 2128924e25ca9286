"""AdaEvolve: islands whose intensity of exploration follows their own progress, and tactics when none has any."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from random import Random

from thekla.core.problem import Problem
from thekla.core.run import Ticket, Told
from thekla.core.values import Data
from thekla.search.distance import Outline, jaccard, outline
from thekla.search.elites import Elite
from thekla.search.ranked import RankedStrategy, planted
from thekla.search.settings import at_least, share
from thekla.search.tactics import TACTICS, TacticBandit

__all__ = ["AdaEvolve"]

_EPSILON = 1e-8
_NEAREST = 5  # neighbours that novelty is a mean over
_PROTECTED = 0.2  # share of an archive, by score, that no newcomer replaces
_VISITS = 3  # of an island before the bandit may pass it over
_QUARTER = 0.25  # of an archive, by score, that exploitation draws from
_PAIRS = 4096  # distances that are kept
_USES = 2  # proposals in a row for one tactic


@dataclass(kw_only=True)
class _Island:
    """An archive with the signal of its progress.

    Args:
        progress: Decayed mean of squared relative improvements, the G of the paper.
        best: Gain of its best; None if it has none.
    """

    archive: list[tuple[Elite, Outline]] = field(default_factory=list)
    progress: float = 0.0
    best: float | None = None
    visits: int = 0
    decayed_visits: float = 0.0
    decayed_reward: float = 0.0

    def improve(self, gain: float, decay: float) -> float:
        """Raise the best to `gain` if that is better, and the progress with it; returns by how much it is better."""
        if self.best is not None and gain <= self.best:
            return 0.0
        rise = gain - self.best if self.best is not None else 0.0
        relative = 1.0 if self.best is None else min(1.0, rise / (abs(self.best) + _EPSILON))
        self.progress = decay * self.progress + (1 - decay) * relative**2
        self.best = gain
        return rise


class AdaEvolve(RankedStrategy):
    """Three levels of adaptation: intensity within an island, a bandit over islands, tactics for all.

    An island explores with probability `intensity[0] + (intensity[1] - intensity[0]) / (1 + sqrt(G))`, drawing parents
    by novelty; otherwise it draws from its best quarter, or does either. Islands are chosen by upper confidence bounds
    on their decayed, globally scaled improvements. When the global best was improved in fewer than `paradigm_threshold`
    of the last `paradigm_window` outcomes, the best program is changed under a tactic. Tactics are the house's own, in
    the place of ideas written by a guide model.

    Args:
        islands: To begin with; another is opened, up to `most_islands`, when improvements are rarer than `spawn_below`.
        archive: Programs per island; a newcomer replaces the most similar one that is not protected and not better.
        migrate_every: Outcomes between two migrations of the `migrants` best to the next island.

    References:
        AdaEvolve, as in SkyDiscover's strategy of that name.
    """

    name = "adaevolve"

    def __init__(
        self,
        problem: Problem,
        *,
        seed: int,
        islands: int = 2,
        most_islands: int = 5,
        archive: int = 20,
        decay: float = 0.9,
        least_intensity: float = 0.15,
        most_intensity: float = 0.5,
        confidence: float = 1.41,
        migrate_every: int = 15,
        migrants: int = 5,
        spawn_below: float = 0.015,
        spawn_gap: int = 30,
        context: int = 4,
        paradigm_window: int = 10,
        paradigm_threshold: float = 0.12,
    ) -> None:
        super().__init__(problem, seed=seed)
        at_least(1, islands=islands, archive=archive, migrate_every=migrate_every, paradigm_window=paradigm_window)
        at_least(islands, most_islands=most_islands)
        at_least(0, confidence=confidence, migrants=migrants, context=context, spawn_gap=spawn_gap)
        share(decay=decay, least_intensity=least_intensity, most_intensity=most_intensity, spawn_below=spawn_below)
        share(paradigm_threshold=paradigm_threshold)
        self._islands = [_Island() for _ in range(islands)]
        self._most_islands, self._archive = most_islands, archive
        self._decay = decay
        self._intensity = (least_intensity, most_intensity)
        self._confidence = confidence
        self._migrate_every, self._migrants = migrate_every, migrants
        self._spawn_below, self._spawn_gap, self._spawned_at = spawn_below, spawn_gap, 0
        self._context = context
        self._told = 0
        self._improvements = 0
        self._window: deque[bool] = deque(maxlen=paradigm_window)
        self._threshold = paradigm_threshold
        self._bandit = TacticBandit()
        self._tactic, self._uses = "", 0
        self._apart = lru_cache(maxsize=_PAIRS)(jaccard)  # programs of an archive meet again at every ticket

    def idle_within(self, evaluations: int) -> list[str]:
        idle = []
        if len(self._islands) > 1 and evaluations < self._migrate_every:
            idle.append(f"migrate_every is {self._migrate_every}: nothing migrates within {evaluations} evaluations")
        if self._most_islands > len(self._islands) and evaluations < self._spawn_gap:
            idle.append(f"spawn_gap is {self._spawn_gap}: no island is opened within {evaluations} evaluations")
        if self._window.maxlen is not None and evaluations <= self._window.maxlen:
            idle.append(
                f"paradigm_window is {self._window.maxlen}: no tactic is asked for in {evaluations} evaluations"
            )
        return idle

    def _choose(self, rng: Random) -> Ticket:
        number = self._next_island(rng)
        island = self._islands[number]
        route: dict[str, Data] = {"island": number}
        if self._stands_still():
            route["tactic"] = self._next_tactic()
            others = [elite for elite, _ in island.archive[: self._context]]
            return self._ticket([self._ranking[0]], others, hints=[TACTICS[self._tactic]], route=route)
        archive = island.archive or [_entry(self._ranking[0])]
        parent, text = self._parent(archive, self._intensity_of(island), rng)
        return self._ticket([parent], self._shown(archive, text), route=route)

    def _learn(self, told: Told, elite: Elite | None) -> None:
        if planted(told):
            if elite is not None:
                for island in self._islands:
                    self._admit(island, _entry(elite))
                    island.best = max(elite.gain, island.best if island.best is not None else elite.gain)
            return
        self._told += 1
        number = told.ticket.route.get("island", 0)
        assert isinstance(number, int)
        best = elite is not None and self._ranking[0] is elite
        self._window.append(best)
        self._improvements += best
        if best:
            tactic = told.ticket.route.get("tactic")
            if isinstance(tactic, str):
                self._bandit.paid(tactic)
        island = self._islands[number]
        if elite is not None and self._admit(island, _entry(elite)):
            self._record(island, elite.gain)
        if self._told % self._migrate_every == 0:
            self._migrate()
        self._spawn()

    def _record(self, island: _Island, gain: float) -> None:
        """Note an admitted program; the reward is scaled by the global best before it."""
        others = [one.best for one in self._islands if one.best is not None]
        before = max(others, default=gain)
        island.visits += 1
        island.decayed_visits = self._decay * island.decayed_visits + 1
        rise = island.improve(gain, self._decay)
        reward = min(1.0, rise / (abs(before) + _EPSILON))
        island.decayed_reward = self._decay * island.decayed_reward + reward

    def _intensity_of(self, island: _Island) -> float:
        least, most = self._intensity
        return least + (most - least) / (1 + math.sqrt(island.progress + _EPSILON))

    def _next_island(self, rng: Random) -> int:
        fresh = [number for number, island in enumerate(self._islands) if island.visits < _VISITS]
        if fresh:
            return rng.choice(fresh)

        def bound(number: int) -> float:
            island = self._islands[number]
            explore = self._confidence * math.sqrt(math.log(self._told + 1) / island.visits)
            return island.decayed_reward / island.decayed_visits + explore

        return max(range(len(self._islands)), key=bound)

    def _parent(self, archive: Sequence[tuple[Elite, Outline]], intensity: float, rng: Random) -> tuple[Elite, Outline]:
        draw = rng.random()
        exploit_below = intensity + 0.7 * (1 - intensity)
        explore = draw < intensity or (draw >= exploit_below and rng.random() < 0.5)
        if explore and len(archive) > 1:
            return rng.choices(archive, [self._novelty(entry, archive) + _EPSILON for entry in archive])[0]
        return rng.choice(archive[: max(1, math.ceil(len(archive) * _QUARTER))])

    def _novelty(self, entry: tuple[Elite, Outline], archive: Sequence[tuple[Elite, Outline]]) -> float:
        """Mean distance to the nearest others."""
        distances = sorted(self._apart(entry[1], text) for elite, text in archive if elite is not entry[0])[:_NEAREST]
        return sum(distances) / len(distances) if distances else 0.0

    def _shown(self, archive: Sequence[tuple[Elite, Outline]], parent: Outline) -> list[Elite]:
        """Local programs of the better half that are least like the parent, then the best of all."""
        local = math.floor(0.6 * self._context)
        half = archive[: max(1, len(archive) // 2)]
        distant = sorted(half, key=lambda entry: -self._apart(entry[1], parent))[:local]
        best = [self._ranking[rank] for rank in range(min(self._context - len(distant), len(self._ranking)))]
        return [*(elite for elite, _ in distant), *best]

    def _admit(self, island: _Island, entry: tuple[Elite, Outline]) -> bool:
        """Enter the archive, which is kept best first; returns whether it did."""
        if len(island.archive) >= self._archive:
            protected = max(1, int(self._archive * _PROTECTED))
            victim = min(island.archive[protected:], key=lambda other: self._apart(other[1], entry[1]), default=None)
            if victim is None or victim[0].gain >= entry[0].gain:
                return False
            island.archive.remove(victim)
        island.archive = sorted([*island.archive, entry], key=lambda other: -other[0].gain)
        return True

    def _stands_still(self) -> bool:
        full = len(self._window) == self._window.maxlen
        return full and sum(self._window) / len(self._window) < self._threshold

    def _next_tactic(self) -> str:
        if not self._tactic or self._uses >= _USES:
            self._tactic, self._uses = self._bandit.choose(), 0
        self._uses += 1
        self._bandit.asked(self._tactic)
        return self._tactic

    def _migrate(self) -> None:
        """Copy the best of each island to the next; all leave before any arrives."""
        moves = [
            ((number + 1) % len(self._islands), entry)
            for number, island in enumerate(self._islands)
            for entry in island.archive[: self._migrants]
        ]
        for target, entry in moves:
            island, elite = self._islands[target], entry[0]
            texts = {other.candidate.program.id for other, _ in island.archive}
            if elite.candidate.program.id in texts or not self._admit(island, entry):
                continue
            island.improve(elite.gain, self._decay)

    def _spawn(self) -> None:
        """Open another island from the best of all if improvements have become rare."""
        rare = self._improvements < self._spawn_below * self._told
        if rare and len(self._islands) < self._most_islands and self._told - self._spawned_at >= self._spawn_gap:
            self._spawned_at = self._told
            island = _Island(best=self._ranking[0].gain)
            for rank in range(min(self._migrants, len(self._ranking))):
                self._admit(island, _entry(self._ranking[rank]))
            self._islands.append(island)


def _entry(elite: Elite) -> tuple[Elite, Outline]:
    return elite, outline(elite.candidate.program.text)

"""A synthetic proposal model: it edits laboratory programs as a generator edits real ones, for nothing."""

from __future__ import annotations

import math
from random import Random

from thekla.core.problem import Problem
from thekla.core.rng import stream
from thekla.core.run import Prompt, Proposal, Ticket
from thekla.laboratory.genome import LARGEST, SMALLEST, Genome
from thekla.laboratory.problems import LabProblem

__all__ = ["SyntheticModel"]

_STEP, _FAR_STEP, _FAR = 0.35, 1.4, 0.15  # sigmas of the log-normal factor, and how often the larger one is drawn
_TIDIED = 0.25
_ASKED = 3.0  # a tactic makes leaps so many times as likely


class SyntheticModel:
    """Seeded constant mutation, crossover, rare leaps of form and malformed answers (`core.protocols.Generator`).

    The shares of each kind are the problem's; with none of them, as on `fmin5`, a proposal is one constant of the
    parent times exp(N(0, 0.35)), or with probability 0.15 times exp(N(0, 1.4)).
    """

    name = "synthetic"
    version = "1"

    def __init__(self, lab: LabProblem) -> None:
        self._lab = lab

    async def propose(self, problem: Problem, ticket: Ticket, prompt: Prompt, *, seed: int) -> Proposal:
        """A changed program, or an answer that holds none."""
        return self.answer(ticket, seed=seed)

    def answer(self, ticket: Ticket, *, seed: int) -> Proposal:
        """The proposal for a ticket, at once."""
        rng = stream(seed, self.name)
        noise, draw = self._lab.noise, rng.random()
        if draw < noise.malformed:
            return self._proposal(None)
        parent = self._genome_of(ticket)
        leap = noise.leap * (_ASKED if "tactic" in ticket.route else 1.0)
        if draw < noise.malformed + leap:
            return self._proposal(self._leap(parent, rng), "leap")
        if draw >= 1 - noise.clutter:
            return self._proposal(_cluttered(parent, self._lab, rng), "clutter")
        if draw < noise.malformed + leap + noise.crossover:
            donor = self._donor(ticket, rng)
            if donor is not None:
                return self._proposal(_crossed(parent, donor, rng), "crossover")
        return self._proposal(_mutated(parent, rng), "constant")

    def _proposal(self, genome: Genome | None, operator: str = "malformed") -> Proposal:
        generator = f"{self.name}@{self.version}"
        if genome is None:
            return Proposal(raw="", program=None, operator=operator, generator=generator, reason="no program")
        return Proposal(raw=genome.program.text, program=genome.program, operator=operator, generator=generator)

    def _genome_of(self, ticket: Ticket) -> Genome:
        program = ticket.parents[0].program if ticket.parents else self._lab.problem.seeds[0]
        genome = self._lab.read(program)
        assert genome is not None  # it has a score
        return genome

    def _donor(self, ticket: Ticket, rng: Random) -> Genome | None:
        others = [*ticket.parents[1:], *ticket.inspirations]
        if not others:
            return None
        program = rng.choice(others).program
        return self._lab.read(program)

    def _leap(self, parent: Genome, rng: Random) -> Genome:
        others = [form for form in self._lab.forms if form != parent.form]
        form = rng.choice(others) if others else parent.form
        return Genome(form=form, constants=tuple(_times(value, 1.0, rng) for value in parent.constants))


def _mutated(parent: Genome, rng: Random) -> Genome:
    at = rng.randrange(len(parent.constants))
    sigma = _FAR_STEP if rng.random() < _FAR else _STEP
    constants = list(parent.constants)
    constants[at] = _times(constants[at], sigma, rng)
    return Genome(form=parent.form, constants=tuple(constants))


def _crossed(parent: Genome, donor: Genome, rng: Random) -> Genome:
    """Each constant that both have from either; the form, and what is left, from the parent."""
    both = [rng.choice(pair) for pair in zip(parent.constants, donor.constants, strict=False)]
    return Genome(form=parent.form, constants=(*both, *parent.constants[len(both) :]))


def _cluttered(parent: Genome, lab: LabProblem, rng: Random) -> Genome:
    """One spare constant more, or one in four times and where there is no room for more, one less."""
    spare = len(parent.constants) - lab.dimensions
    if spare == lab.spare or (spare and rng.random() < _TIDIED):
        at = lab.dimensions + rng.randrange(spare)
        return Genome(form=parent.form, constants=(*parent.constants[:at], *parent.constants[at + 1 :]))
    return Genome(form=parent.form, constants=(*parent.constants, _times(1.0, 1.0, rng)))


def _times(value: float, sigma: float, rng: Random) -> float:
    return min(LARGEST, max(SMALLEST, value * math.exp(rng.gauss(0.0, sigma))))

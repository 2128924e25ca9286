"""Journals made by hand: a builder for tests of what reads a run, and an example that shows every kind of fact."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from thekla.core.budget import Budget
from thekla.core.evaluation import Failed, FailureKind, InstanceResult, Outcome, Usage, fold_results
from thekla.core.events import Event, next_event
from thekla.core.journal import (
    Answered,
    Asked,
    Closed,
    Frozen,
    HoldoutOpened,
    Judged,
    Payload,
    Started,
    Stopping,
    ToldFact,
    data_of,
    program_blob,
    volatile_of,
)
from thekla.core.problem import Baseline, Instance, Measure, Objective, ProblemRef, Split
from thekla.core.program import CandidateId, Program
from thekla.core.registry import Component
from thekla.core.rng import stream
from thekla.core.run import SEED, Spending
from thekla.core.values import digest_of

__all__ = ["OBJECTIVE", "JournalBuilder", "example_journal", "instances_of", "scored", "settings"]

OBJECTIVE = Objective(name="latency", unit="s", direction="minimize", aggregate="median")

_SEED_TEXT = '''\
"""Serves pipelines in the order of their arrival."""


def schedule(pools, queue):
    decisions = []
    for pipeline in list(queue):
        pool = pools[0]
        if pool.free_cpus < 1:
            break
        decisions.append((pipeline, pool, pool.free_cpus, pool.free_memory_gb))
        queue.remove(pipeline)
    return decisions
'''

_BETTER_TEXT = '''\
"""Serves pipelines in the order of their arrival."""


def schedule(pools, queue):
    decisions = []
    queue.sort(key=lambda item: (item.priority, item.remaining_operators))
    for pipeline in list(queue):
        pool = max(pools, key=lambda pool: pool.free_cpus)
        if pool.free_cpus < 1:
            break
        share = min(pool.free_cpus, 4)
        decisions.append((pipeline, pool, share, pool.free_memory_gb / 4))
        queue.remove(pipeline)
    return decisions
'''


def instances_of(split: Split, count: int) -> tuple[Instance, ...]:
    """`count` named instances of a split."""
    names = [f"{split}/trace{index:02d}" for index in range(count)]
    return tuple(Instance(id=name, split=split, digest=digest_of(name)) for name in names)


def settings(**changes: object) -> Started:
    """The settings of a small run, with `changes`."""
    defaults: dict[str, object] = {
        "problem": ProblemRef(name="queue", suite="default"),
        "problem_version": "1",
        "objectives": (OBJECTIVE,),
        "measures": (Measure(name="utilisation", unit="share"),),
        "evaluator": digest_of("evaluator"),
        "instances": {
            str(split): instances_of(split, count)
            for split, count in ((Split.TRAIN, 8), (Split.VALIDATION, 6), (Split.PUBLIC, 10))
        },
        "components": {
            "strategy": Component(name="islands", version="1", arguments={"islands": 3}),
            "generator": Component(name="mutation", version="1"),
        },
        "seed": 7,
        "budget": Budget(evaluations=120),
        "in_flight": 8,
        "tier": "strict",
        "thekla": "0.1.0",
        "baselines": (
            Baseline(name="idle", role="trivial", description="Does nothing at all."),
            Baseline(
                name="priority",
                role="rule",
                program=Program.from_text("def schedule(pools, queue):\n    return []\n"),
                description="Serves the higher class first.",
            ),
            Baseline(name="exact-size", role="oracle", description="First come, first served, with the true sizes."),
            Baseline(name="critical path", role="bound", description="Relaxes the pools: every operator runs at once."),
        ),
        "published": {"language model A": (124.34, "Doe et al. 2025, table 2")},
        "vocabulary": {
            "sort by a key": "{queue: list}.sort(key=lambda item: {key: number})",
            "widest pool": "max({pools: list}, key=lambda pool: pool.free_cpus)",
        },
    }
    return Started(**{**defaults, **changes})  # type: ignore[arg-type]  # checked by the class's own construction


def scored(
    values: Mapping[str, float], *, objective: Objective = OBJECTIVE, tier: str = "strict", cpu_s: float = 0.2
) -> Outcome:
    """The outcome of a program with these scores on these instances."""
    results = {
        name: InstanceResult(scores={objective.name: float(value)}, measures={"utilisation": 1 / (1 + value / 100)})
        for name, value in values.items()
    }
    cost = Usage(cpu_s=cpu_s, wall_s=cpu_s * 1.1, peak_memory_mb=64.0)
    return fold_results((objective,), results, stage="train", tier=tier, cost=cost)


@dataclass
class JournalBuilder:
    """Writes a journal event by event, each `step_s` after the one before."""

    events: list[Event] = field(default_factory=list)
    blobs: dict[str, bytes] = field(default_factory=dict)
    at_s: float = 1_780_000_000.0
    step_s: float = 0.25

    def blob(self, digest: str) -> bytes:
        """The bytes that were kept under a digest."""
        return self.blobs[digest]

    def state(self, payload: Payload) -> None:
        """Append the event that states `payload`."""
        kind, data = data_of(payload)
        volatile = {**volatile_of(payload), "at_s": self.at_s}
        self.events.append(next_event(self.events[-1] if self.events else None, kind, data, volatile))
        self.at_s += self.step_s

    def keep(self, program: Program) -> Program:
        """Keep the program's blob."""
        self.blobs[program.id] = program_blob(program)
        return program

    def seed(self, program: Program, outcome: Outcome, *, ticket: str = "seed-0", counted: bool = True) -> None:
        """A seed is told."""
        self._tell(ticket, self.keep(program), (), SEED, 0, outcome, counted=counted)

    def try_program(
        self,
        ticket: str,
        program: Program | None,
        outcome: Outcome,
        *,
        parents: Sequence[str] = (),
        operator: str = "mutate",
        generation: int = 1,
        counted: bool = True,
        spending: Spending | None = None,
    ) -> None:
        """A ticket is asked, answered with `program` and told `outcome`."""
        names = tuple(CandidateId(parent) for parent in parents)
        self.state(Asked(ticket=ticket, parents=names, operator=operator))
        answered = program.id if program else None
        reason = "" if program else "the answer holds no code"
        spent = spending or Spending(wall_s=0.01)
        self.state(
            Answered(
                ticket=ticket, program=answered, operator=operator, generator="test@1", reason=reason, spending=spent
            )
        )
        if program:
            self.keep(program)
        self._tell(ticket, program, names, operator, generation, outcome, counted=counted)

    def _tell(
        self,
        ticket: str,
        program: Program | None,
        parents: tuple[CandidateId, ...],
        operator: str,
        generation: int,
        outcome: Outcome,
        *,
        counted: bool,
    ) -> None:
        self.state(
            ToldFact(
                ticket=ticket,
                candidate=CandidateId(ticket) if program else None,
                program=program.id if program else None,
                parents=parents,
                operator=operator,
                generation=generation,
                counted=counted,
                outcome=outcome,
            )
        )


def example_journal(
    *, seed_text: str = _SEED_TEXT, winner_text: str = _BETTER_TEXT, evaluations: int = 120, closed: bool = True
) -> JournalBuilder:
    """A whole run of a made-up scheduling problem, with every kind of event; equal arguments give an equal journal."""
    builder = JournalBuilder()
    started = settings(budget=Budget(evaluations=evaluations))
    builder.state(started)
    train = [instance.id for instance in started.instances[Split.TRAIN]]
    builder.seed(Program.from_text(seed_text), _draw("seed", train, 12_000.0))
    winner = _search(builder, train, winner_text, evaluations)
    if not closed:
        return builder
    builder.state(Stopping(reason="evaluations"))
    builder.state(Frozen(finalists=(CandidateId(winner),)))
    holdout = instances_of(Split.HOLDOUT, 12)
    builder.state(HoldoutOpened(key=digest_of("key"), instances=holdout))
    _judge(builder, {**started.instances, str(Split.HOLDOUT): holdout}, winner)
    builder.state(Closed(winner=CandidateId(winner)))
    return builder


def _draw(name: str, instances: Sequence[str], level: float) -> Outcome:
    """Scores scattered around `level`: the instance's own weight times a little noise of the program."""
    values = {}
    for instance in instances:
        weight = stream(0, "weight", instance).lognormvariate(0.0, 0.35)
        noise = stream(0, "noise", name, instance).lognormvariate(0.0, 0.08)
        values[instance] = level * weight * noise
    return scored(values)


def _search(builder: JournalBuilder, train: Sequence[str], winner_text: str, evaluations: int) -> str:
    """Proposals that slowly get better, with failures of several kinds among them; returns the best one's id."""
    rng = stream(0, "search")
    kinds = (
        (FailureKind.SYNTAX, "check"),
        (FailureKind.INTERFACE, "check"),
        (FailureKind.DUPLICATE, "check"),
        (FailureKind.NO_PROGRAM, "answer"),
        (FailureKind.CRASH, "smoke"),
        (FailureKind.INVALID, "train"),
        (FailureKind.TIMEOUT, "train"),
    )
    operators = ("constant", "swap statements", "insert block", "crossover", "delete statement")
    parent, level, counted, step = "seed-0", 12_000.0, 1, 0
    while counted < evaluations - 1:
        step += 1
        ticket, operator = f"t{step:05d}", rng.choice(operators)
        kind, stage = rng.choice(kinds)
        program = Program.from_text(f"{winner_text}\n# step {step}\n")
        if rng.random() < 0.35:
            free = stage in ("check", "answer")
            failed = Failed(kind=kind, stage=stage, message=f"step {step}", cost=Usage(cpu_s=0.0 if free else 0.15))
            made = None if kind is FailureKind.NO_PROGRAM else program
            builder.try_program(ticket, made, failed, parents=(parent,), operator=operator, counted=not free)
            counted += not free
            continue
        factor = rng.choice((0.6, 0.93, 1.0, 1.3, 2.0, 4.0))
        reached = max(62.0, level * factor)
        builder.try_program(ticket, program, _draw(ticket, train, reached), parents=(parent,), operator=operator)
        counted += 1
        if reached < level:
            parent, level = ticket, reached
    last = f"t{step + 1:05d}"
    program, outcome = Program.from_text(winner_text), _draw("winner", train, 58.0)
    builder.try_program(last, program, outcome, parents=(parent,), operator="insert block", generation=9)
    return last


def _judge(builder: JournalBuilder, instances: Mapping[str, Sequence[Instance]], winner: str) -> None:
    levels = {"seed": 12_500.0, "idle": 21_000.0, "priority": 95.0, "exact-size": 980.0, winner: 61.0}
    roles = {"seed": "seed", "idle": "trivial", "priority": "rule", "exact-size": "oracle", winner: "winner"}
    for split, members in instances.items():
        names = [instance.id for instance in members]
        for name, level in levels.items():
            if (name in (winner, "seed")) and split == Split.TRAIN:
                continue
            if name == "idle" and split == Split.VALIDATION:
                outcome: Outcome = Failed(kind=FailureKind.INVALID, stage=split, message="ends nothing")
            else:
                outcome = _draw("winner" if name == winner else name, names, level)
            builder.state(
                Judged(
                    name=name,
                    role=roles[name],
                    split=Split(split),
                    program=None,
                    outcome=outcome,
                    bound={OBJECTIVE.name: 31.0},
                )
            )

"""The joints of the house: what each replaceable part promises. Data only crosses them; see docs/explanation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal, Protocol, TypeAlias, runtime_checkable

from thekla.core.evaluation import (
    EvaluationDone,
    EvaluationJob,
    Failed,
    InstanceResult,
    Limits,
    Outcome,
    Scored,
    Usage,
)
from thekla.core.events import Event
from thekla.core.problem import Baseline, Instance, Interface, Problem
from thekla.core.program import Candidate, Program
from thekla.core.racing import Cutoff
from thekla.core.run import Completion, Prompt, Proposal, Ticket, Told
from thekla.core.values import Data, Value

__all__ = [
    "AcceptsFaults",
    "Backend",
    "BatchGuest",
    "BlobStore",
    "CandidateCheck",
    "ChatModel",
    "Evaluator",
    "FactTable",
    "Facts",
    "Generator",
    "Guest",
    "HiddenTruth",
    "Invariant",
    "PackedCalls",
    "PairedReferee",
    "ProblemPackage",
    "PromptBuilder",
    "PromptFinisher",
    "Referee",
    "RunStore",
    "Sandbox",
    "SharedDraws",
    "Strategy",
    "Twin",
    "TwinnedSandbox",
    "WithExploits",
    "WorkloadSpace",
    "no_twin",
]

FactTable = Literal["answer", "evaluation"]
Twin: TypeAlias = Callable[[str], str | None]
"""The candidate that is known to have behaved so, by the digest of a behaviour; None if there is none."""


def no_twin(behaviour: str) -> str | None:
    """Knows nobody."""
    return None


class Strategy(Protocol):
    """Solution Selector. Pure: no I/O, no clock, its own random streams; state is a fold over `ask` and `tell`.

    Many tickets may be in flight, and outcomes may be told in any order. A `Told` whose ticket has the operator
    `seed` or `import` was not asked by the strategy: it admits the candidate as a starting point. All seeds are
    told before the first `ask`.
    """

    def ask(self, n: int = 1) -> Sequence[Ticket]:
        """Exactly `n` new tickets."""

    def tell(self, told: Told) -> None:
        """Take note of an outcome; a `Failed` never enters an archive."""

    def best(self, k: int = 1) -> Sequence[tuple[Candidate, Outcome]]:
        """At most `k` scored candidates, best first; never gets worse."""


class PromptBuilder(Protocol):
    """Prompt Generator. Pure."""

    def build(self, problem: Problem, ticket: Ticket, history: Sequence[Told]) -> Prompt:
        """The prompt for a ticket; `history` is all that was told so far, oldest first."""


class ChatModel(Protocol):
    """A chat model; retry, cassette, price, limit and ensemble are decorators of it."""

    async def complete(
        self, prompt: Prompt, *, max_tokens: int, temperature: float | None, seed: int | None
    ) -> Completion:
        """The model's answer.

        Raises:
            ProviderError: No usable answer came.
        """


class Generator(Protocol):
    """Solution Generator: language model, mutator, coding agent, person, replay. It never scores."""

    async def propose(self, problem: Problem, ticket: Ticket, prompt: Prompt, *, seed: int) -> Proposal:
        """A proposal that depends on the arguments only (and, for a model, on the model)."""


@runtime_checkable
class PromptFinisher(Protocol):
    """A generator that adds to the prompt how to answer."""

    def full_prompt(self, problem: Problem, ticket: Ticket, prompt: Prompt, *, seed: int) -> Prompt:
        """The prompt as `propose` sends it with the same arguments."""


class Guest(Protocol):
    """The untrusted side: it holds the program and what it is told, nothing else."""

    def call(self, name: str, *args: Value) -> Value:
        """The answer of a function of the interface.

        Raises:
            GuestFault: The program raised, ran out of a limit, or answered what is no plain data.
        """

    def serve(self, name: str, answer: Callable[..., Value]) -> None:
        """Let the guest call back `name` during a call; each one is counted by the host."""

    def close(self) -> None:
        """End the guest and everything it started; may be called again."""

    @property
    def usage(self) -> Usage:
        """CPU s, wall s and peak memory so far, read by the host from the kernel."""


class PackedCalls(Protocol):
    """A function of a guest that takes and returns numbers in a layout agreed upon."""

    def __call__(self, *numbers: bool | int | float) -> bool | int | float | tuple[bool | int | float, ...]:
        """The program's answer: a number, or a tuple where the layout gives several."""

    def many(
        self, rows: Sequence[Sequence[bool | int | float]]
    ) -> Sequence[bool | int | float | tuple[bool | int | float, ...]]:
        """The answers to several lists of arguments, told at once: independent instances, or a length fixed before."""


@runtime_checkable
class BatchGuest(Guest, Protocol):
    """A guest with faster ways for policies that are asked thousands of times a second."""

    def call_many(self, name: str, rows: Sequence[Sequence[Value]]) -> Sequence[Value]:
        """The answers of a function to several lists of arguments, told at once, as in `PackedCalls.many`."""

    def packed(self, name: str, *, takes: str, gives: str) -> PackedCalls:
        """A function of numbers; one letter of `?iqfd` (as of the module `struct`) per number."""


@runtime_checkable
class CountingGuest(Guest, Protocol):
    """A guest whose instructions the host can have counted."""

    def instructions(self) -> int | None:
        """Executed in user mode since this was asked first; None where the kernel counts none."""


class Sandbox(Protocol):
    """Runs untrusted programs under limits."""

    @property
    def tier(self) -> str:
        """The tier that holds, proven by trying attacks: `strict`, ... or `trusted`."""

    def open(self, program: Program, interface: Interface, limits: Limits, *, seed: int = 0) -> Guest:
        """A fresh guest with the program loaded; its `random` is seeded from `seed`.

        Raises:
            GuestFault: The program cannot be loaded.
            SandboxError: The sandbox itself failed.
        """

    def close(self) -> None:
        """End all guests."""


@runtime_checkable
class DetailedSandbox(Protocol):
    """Optional, of a sandbox: what its tier rests on here."""

    def details(self) -> str:
        """As the kernel granted it: versions and kinds, in a line that is recorded with every evaluation."""


@runtime_checkable
class TwinnedSandbox(Sandbox, Protocol):
    """A sandbox that can run a program a second time under other accidents."""

    def twin(self) -> Sandbox:
        """The same tier with another hash seed and address layout; its guests end with this sandbox."""


class Referee(Protocol):
    """The trusted side, one per problem: it holds the instances and computes the score."""

    def judge(self, guest: Guest, instance: Instance, *, seed: int) -> InstanceResult:
        """The result of the guest's program; a `GuestFault` becomes a fault of the result."""


@runtime_checkable
class PairedReferee(Referee, Protocol):
    """A referee that compares a program with a reference, each in a guest of its own, in one slot.

    It is asked through `judge_beside`; `judge` refuses.
    """

    @property
    def reference(self) -> Program:
        """The program of the second guest."""

    def judge_beside(self, guest: Guest, reference: Guest, instance: Instance, *, seed: int) -> InstanceResult:
        """The result of the first guest's program, with the reference's guest at hand.

        Raises:
            SandboxError: The reference failed.
        """


class ProblemPackage(Protocol):
    """What a problem folder offers; made by the entry point `thekla.problems` from a suite's name."""

    @property
    def suites(self) -> Mapping[str, str]:
        """The suites of the problem, `default` among them, each with what it is for."""

    @property
    def problem(self) -> Problem:
        """The problem as data."""

    @property
    def referee(self) -> Referee:
        """The trusted judge."""

    @property
    def limits(self) -> Limits:
        """What one guest may use."""

    @property
    def baselines(self) -> Sequence[Baseline]:
        """The ladder, weakest first, without the published figures."""

    @property
    def evaluator_digest(self) -> str:
        """Hash of all that decides a score besides the program: problem, simulator source, interpreter, numerics."""

    def holdout(self, key: bytes) -> Sequence[Instance]:
        """The hold-out that `key` determines; called by `evaluation.splits` alone."""

    def judge_on_host(self, baseline: Baseline, instance: Instance, *, seed: int) -> InstanceResult:
        """The result of an oracle that needs hidden truth."""

    def bound(self, instance: Instance) -> Mapping[str, float]:
        """A bound per objective that no program can beat on the instance; empty where none is known."""


@runtime_checkable
class WorkloadSpace(Protocol):
    """What a package may offer besides: its instances, changed. None where an instance cannot be changed so."""

    def resized(self, instance: Instance, factor: float) -> Instance | None:
        """An instance of the same kind that is `factor` times as large: the problem's size knob."""

    def varied(self, instance: Instance, *, seed: int) -> Instance | None:
        """A neighbour of an instance, for the search of workloads on which a program does badly."""

    def relabelled(self, instance: Instance, *, seed: int) -> Instance | None:
        """The same instance under other names, which must change no honest program's score."""


@runtime_checkable
class CandidateCheck(Protocol):
    """Optional, of a package: what is certain to be wrong with a program, found without running it."""

    def check(self, program: Program) -> Failed | None:
        """Why the program must fail, or None if that is not certain; takes milliseconds, and runs nothing of it.

        It is asked once the program parses and defines what the interface asks for. What it refuses must fail
        wherever the line in question is reached: a doubt is no reason.
        """


@runtime_checkable
class WithExploits(Protocol):
    """Optional, of a package: programs that cheat."""

    @property
    def exploits(self) -> Mapping[str, Program]:
        """Each by name; each must fail, or score no better than the seeds and trivial rungs."""


@runtime_checkable
class AcceptsFaults(Protocol):
    """Optional, of a package: faults that an audit will find, and that are there on purpose."""

    @property
    def accepted(self) -> Mapping[str, str]:
        """The reason by fault and subject, as in `exploit_pays refuse_work`.

        The audit says why, and warns of what would be fatal; what would be a warning is none.
        """


@runtime_checkable
class HiddenTruth(Protocol):
    """Optional, of a package: what a program must not get to know."""

    def hidden(self, instance: Instance) -> Sequence[Value]:
        """Values that no argument and no answer to a program may hold.

        What is looked for is what cannot be met by chance: fractions, large numbers, long texts, and arrays and
        sequences of eight numbers or more as a whole.
        """


@runtime_checkable
class Invariant(Protocol):
    """Optional, of a package: instances that differ in what must not matter."""

    def variants(self, instance: Instance) -> Sequence[tuple[Instance, float]]:
        """Equivalent instances (renamed, reordered, in other units), each with the factor of its score."""


@runtime_checkable
class SharedDraws(Protocol):
    """Optional, of a package: instances that differ in names only, on which a guest draws equal random numbers."""

    def drawn_as(self, instance: Instance) -> str:
        """The id that seeds a guest's random numbers on the instance; equal ids, equal numbers."""


class Backend(Protocol):
    """Runs evaluation jobs: inline, in local worker processes, or on a distributed engine."""

    def submit(self, job: EvaluationJob) -> None:
        """Queue a job."""

    def completed(self, timeout_s: float | None = None) -> Iterator[EvaluationDone]:
        """Jobs that have ended, in any order; waits up to `timeout_s` for the first (None: until one ends)."""

    def wake(self) -> None:
        """Let a waiting `completed` return at once; may be called from another thread."""

    def close(self) -> None:
        """Stop; unfinished jobs are dropped."""


class Evaluator(Protocol):
    """The evaluation service as the engine sees it: the only meter, and the only way to a score."""

    async def evaluate(self, program: Program, *, twin: Twin = no_twin, cutoff: Cutoff | None = None) -> Outcome:
        """Checks, then the cascade, then the train split, up to where the program has lost its race, if it runs one.

        A program that behaves in the cascade like one that `twin` knows is a duplicate, most of the time: a few are
        evaluated all the same, so that neutral drift goes on and the guess can be checked.
        """

    async def confirm(self, program: Program, outcome: Scored, *, wholly: bool = False) -> Outcome:
        """What a candidate that would lead is told as, given its score on the train split.

        It is evaluated again. Where scores are reproducible both must agree bit for bit, else it has failed; where they
        are not, its score becomes the mean of both, so that luck does not make a leader. `wholly` leaves no instance
        out: for who is to win.
        """

    async def judge(self, program: Program, instances: Sequence[Instance], *, stage: str) -> Outcome:
        """A finalist or baseline on given instances, without the cascade."""

    async def judge_baseline(self, baseline: Baseline, instances: Sequence[Instance], *, stage: str) -> Outcome:
        """A rung of the ladder on given instances; oracles run on the host."""

    def open_holdout(self, chain: str) -> Sequence[Instance]:
        """The hold-out drawn from the journal's hash after the finalists were frozen."""

    async def bound(self, instances: Sequence[Instance]) -> Mapping[str, float]:
        """The aggregated bound per objective over the instances; empty where none is known."""


class RunStore(Protocol):
    """Append-only events, by run."""

    def append(self, run_id: str, events: Sequence[Event]) -> None:
        """Add events, durably, all or none.

        Raises:
            StorageError: They do not continue the chain, or cannot be written; nothing is changed then.
        """

    def events(self, run_id: str, *, after: int = -1) -> Iterator[Event]:
        """The events with `seq > after`, in order."""


class BlobStore(Protocol):
    """Content-addressed bytes."""

    def put_blob(self, data: bytes) -> str:
        """Keep `data`; returns its SHA-256 in hexadecimal. Equal data are kept once."""

    def blob(self, digest: str) -> bytes:
        """The bytes with that digest.

        Raises:
            KeyError: There are none.
            StorageError: They are not what they were.
        """


class Facts(Protocol):
    """Facts outside the chain, each written once as soon as it is known, in any order.

    Paid answers and evaluations are such facts: resuming a run looks here before it pays or computes again.
    """

    def fact(self, table: FactTable, key: str) -> Mapping[str, Data] | None:
        """The fact of that key, None if there is none."""

    def record(self, table: FactTable, key: str, value: Mapping[str, Data], *, durable: bool) -> None:
        """Write a fact; it survives kill -9 when this returns, and power loss if `durable`.

        Raises:
            StorageError: The key has a fact already, or the disk refuses.
        """

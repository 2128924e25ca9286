"""Starting a run, and taking one up again."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from thekla.assembly.auditing import AUDITS, require_fit
from thekla.assembly.build import (
    ahead_of,
    build_backend,
    build_package,
    build_search,
    build_told_prompts,
    problem_of,
    real_clock,
    started_of,
)
from thekla.assembly.opened import LastProgress, OpenRun
from thekla.assembly.options import RunOptions
from thekla.assembly.places import folder
from thekla.assembly.records import kept_answers
from thekla.assembly.stopping import StopRequest
from thekla.core.constraints import violation
from thekla.core.errors import ConfigError, StorageError
from thekla.core.evaluation import Scored
from thekla.core.events import EventKind
from thekla.core.journal import Closed, Started, ToldFact, payload_of, program_blob, program_from_blob
from thekla.core.preference import by_preference
from thekla.core.program import Program
from thekla.core.protocols import Backend, Generator, ProblemPackage, PromptBuilder, Strategy
from thekla.engine import Engine, Journal, Observer, Parts
from thekla.evaluation.backends import DeferredBackend, LocalBackend
from thekla.evaluation.service import EvaluationService
from thekla.generation.asktell import Desk
from thekla.generation.replay import RecordedAnswer
from thekla.llm import Book, Caps, Models, within
from thekla.search import Hinted, Noted, Tuning, Weighed
from thekla.search.line import patience_within
from thekla.search.ranked import RankedStrategy
from thekla.steering import Helm, Inbox, SteeredGenerator, SteeredPrompts, SteeredStrategy, SteeringFolder
from thekla.storage import RunFile, RunsFolder

__all__ = ["RunResult", "folder", "resume", "run", "take_up"]

T = TypeVar("T")

_LOGGER = logging.getLogger(__name__)

IMPORTED = 10  # programs that `--from` takes over
LAST_ANSWERS_S = 60.0  # what is on its way at the end of a cap on wall time gets to come home


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """The end of a session.

    Args:
        scored: Whether anything has a score, so that there is a winner.
        waiting: The tickets that must be answered from outside before the run can go on.
    """

    run_id: str
    path: Path
    finished: bool
    scored: bool
    waiting: tuple[str, ...] = ()


def run(
    options: RunOptions,
    *,
    runs: Path | None,
    observer: Observer,
    prepare: Callable[[RunFile], None] = lambda store: None,
) -> RunResult:
    """Start a run and bring it to its end.

    Args:
        prepare: Writes what the run's generator needs into the new run file.

    Raises:
        ConfigError: The options do not fit together.
        SandboxError: The sandbox cannot be had.
        StorageError: The run file cannot be written.
        KeyboardInterrupt: Ctrl-C, or SIGTERM; nothing is lost, and the run can be resumed.
    """
    with StopRequest() as stop:
        reference = options.reference
        package = build_package(reference)
        place = folder(runs)
        imports, imported_from = _best_of_run(options, place)
        started = started_of(options, package, tier=options.sandbox, imports=imports, imported_from=imported_from)
        if options.audited:
            require_fit(package, reference, tier=options.sandbox, cache=place.path / AUDITS)
        # A wrong argument is refused before anything is made.
        strategy, _, _ = _components(package, started, _models(started), Desk())
        _warn_of_idle_settings(strategy, options)
        with contextlib.closing(build_backend(reference, sandbox=options.sandbox, workers=options.workers)) as backend:
            started = replace(started, tier=backend.tier)
            run_id = place.new_id(package.problem.name, datetime.now(UTC))
            with RunFile.create(place.path_of(run_id), run_id) as store:
                for program in imports:
                    store.put_blob(program_blob(program))
                prepare(store)
                return _go(package, backend, store, started, imports, observer, stop, _to_the_end)


def _warn_of_idle_settings(strategy: Strategy, options: RunOptions) -> None:
    """Say which settings of the strategy would never act within the budget of evaluations or proposals."""
    while isinstance(strategy, Hinted | Noted | Tuning | Weighed):
        strategy = strategy.inner
    caps = [cap for cap in (options.evaluations, options.proposals) if cap is not None]
    if isinstance(strategy, RankedStrategy) and caps:
        for reason in strategy.idle_within(min(caps)):
            _LOGGER.warning("%s: %s", options.strategy, reason)


def resume(run: str, *, runs: Path | None, workers: int, observer: Observer) -> RunResult:
    """Take up a run where it stopped, to the budget it was given; a closed run is only reported.

    Raises:
        StorageError: There is no such run, or it cannot be gone through again.
        ConfigError: Its problem or a component is not installed.
        KeyboardInterrupt: Ctrl-C, or SIGTERM; nothing is lost, and the run can be resumed.
    """
    path = folder(runs).find(run)

    def closed_before(store: RunFile, closed: Closed) -> RunResult:
        return RunResult(run_id=store.run_id, path=path, finished=True, scored=closed.winner is not None)

    return take_up(path, workers=workers, observer=observer, work=_to_the_end, closed=closed_before)


def take_up(
    path: Path,
    *,
    workers: int,
    observer: Observer,
    work: Callable[[OpenRun], Awaitable[T]],
    lasting: bool = False,
    closed: Callable[[RunFile, Closed], T],
) -> T:
    """What `work` makes of the run in a file, opened where it stopped.

    Args:
        closed: Makes the answer if the run is closed already.
        lasting: Whether the work goes on after the run was closed, so that a signal still ends it.

    Raises:
        StorageError: The run cannot be gone through again.
        ConfigError: Its problem or a component is not installed.
        KeyboardInterrupt: Ctrl-C, or SIGTERM; nothing is lost, and the run can be resumed.
    """
    with StopRequest() as stop, RunFile.open(path) as store:
        run_id = store.run_id
        events = list(store.events(run_id))
        if not events:
            raise StorageError(f"run {run_id} has no event yet, so there is nothing to resume; start it again")
        if events[-1].kind is EventKind.CLOSED:
            end = payload_of(events[-1])
            assert isinstance(end, Closed)
            return closed(store, end)
        started = payload_of(events[0])
        assert isinstance(started, Started)
        package = build_package(started.problem)
        if package.evaluator_digest != started.evaluator:
            raise ConfigError(
                f"run {run_id} was scored by evaluator {started.evaluator[:12]}, and this installation has "
                f"{package.evaluator_digest[:12]} (problem, simulator, Python or numpy differ); scores of the two must "
                f"not mix: resume it with the old versions, or start anew with: thekla run {started.problem.name} "
                f"--from {run_id}"
            )
        _refuse_changed(package, started, run_id)
        imports = [program_from_blob(store.blob(program)) for program in started.imports]

        def start() -> LocalBackend:
            return build_backend(started.problem, sandbox=started.tier, workers=workers)

        with contextlib.closing(DeferredBackend(start)) as backend:
            return _go(package, backend, store, started, imports, observer, stop, work, lasting=lasting)


def _refuse_changed(package: ProblemPackage, started: Started, run_id: str) -> None:
    """Refuse to go on with instances that are not what they were: files of a user may change.

    Raises:
        ConfigError: An instance is gone, new, in another split, or has other content.
    """
    now = {str(split): instances for split, instances in package.problem.instances.items()}
    before = {instance for instances in started.instances.values() for instance in instances}
    changed = before.symmetric_difference(instance for instances in now.values() for instance in instances)
    if changed:
        names = ", ".join(sorted({instance.id for instance in changed})[:5])
        raise ConfigError(
            f"instances of run {run_id} have changed since it began ({names}); put them back as they were, or start a "
            f"new run from its archive with --from {run_id}"
        )


def _models(started: Started, book: Book | None = None) -> Models:
    """The language models of a run, within its budget; no ticket in flight waits for another to be answered."""
    budget = started.budget
    caps = Caps(cost_usd=budget.cost_usd, tokens=budget.tokens, calls=budget.calls)
    return Models(os.environ, caps=caps, book=book, most_at_once=started.in_flight)


def _components(
    package: ProblemPackage,
    started: Started,
    models: Models,
    desk: Desk,
    recording: Sequence[RecordedAnswer] = (),
) -> tuple[Strategy, PromptBuilder, Generator]:
    problem = problem_of(package, started)
    strategy, generator = build_search(
        started.components, problem, models, seed=started.seed, desk=desk, recording=recording
    )
    return strategy, build_told_prompts(started.components), generator


def _go(
    package: ProblemPackage,
    backend: Backend,
    store: RunFile,
    started: Started,
    imports: Sequence[Program],
    observer: Observer,
    stop: StopRequest,
    work: Callable[[OpenRun], Awaitable[T]],
    *,
    lasting: bool = False,
) -> T:
    """What `work` makes of the run, whose engine is at work meanwhile."""
    models, desk = _models(started, store), Desk()
    wishes = SteeringFolder(store.path)
    asking = Inbox(observer, wishes, patience=_patience_of(started))
    progress = LastProgress(asking, desk.ring)
    strategy, prompts, generator = _components(package, started, models, desk, tuple(kept_answers(store)))
    helm = Helm(lambda before: wishes.read(before, store.put_blob), on_pause=desk.ring)
    service = EvaluationService(
        package,
        backend,
        store,
        reference=started.problem,
        tier=started.tier,
        objectives=started.objectives,
    )
    problem = problem_of(package, started)
    parts = Parts(
        problem=problem,
        strategy=SteeredStrategy(strategy, helm),
        prompts=SteeredPrompts(prompts, helm),
        generator=SteeredGenerator(generator, helm, store),
        evaluator=service,
        baselines=package.baselines,
        steering=helm,
    )
    journal = Journal(store, store.run_id, real_clock())
    engine = Engine(
        parts,
        store,
        journal,
        run_id=store.run_id,
        started=started,
        imports=imports,
        ahead=ahead_of(started),
        observer=progress,
    )
    opened = OpenRun(
        engine,
        desk=desk,
        store=store,
        started=started,
        problem=problem,
        progress=progress,
        helm=helm,
        flush=journal.flush,
        on_closed=(lambda: None) if lasting else stop.finish,
    )
    try:
        with within(_left_s(started, store)):
            return asyncio.run(_until_stopped(opened, service, models, stop, work))
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


def _left_s(started: Started, store: RunFile) -> float:
    """Seconds after which no answer of a model or agent is waited for: those left of the run, and some more.

    What is on its way when the search ends may be paid for already, but nobody waits a quarter of an hour for it.
    """
    if started.budget.wall_s is None:
        return math.inf
    spent_s = max((event.elapsed_s for event in store.events(store.run_id)), default=0.0)
    return max(0.0, started.budget.wall_s - spent_s) + LAST_ANSWERS_S


def _patience_of(started: Started) -> int:
    """When people are asked: after what `thekla` tries by itself (1), and before the problem's next hint (2)."""
    return round(1.5 * patience_within(started.budget.evaluations or 200))


async def _until_stopped(
    opened: OpenRun,
    service: EvaluationService,
    models: Models,
    stop: StopRequest,
    work: Callable[[OpenRun], Awaitable[T]],
) -> T:
    """The work on the run; a request to stop cancels it at the next point where nothing is half done."""
    stop.cancel_this_task()
    async with service, models, opened:
        try:
            return await work(opened)
        finally:
            stop.finish()


async def _to_the_end(opened: OpenRun) -> RunResult:
    """The run until it is closed or waits for answers from outside."""
    closed, store = await opened.settle(all_work=True), opened.store
    if closed is None:
        waiting = tuple(opened.desk.waiting)
        return RunResult(run_id=store.run_id, path=store.path, finished=False, scored=True, waiting=waiting)
    return RunResult(run_id=store.run_id, path=store.path, finished=True, scored=closed.winner is not None)


def _best_of_run(options: RunOptions, place: RunsFolder) -> tuple[list[Program], str]:
    """The best programs of the run that `--from` names, best first, and its id with the head of its chain."""
    if options.from_run is None:
        return [], ""
    with RunFile.open(place.find(options.from_run), read_only=True) as store:
        events = list(store.events(store.run_id))
        if not events or events[-1].kind is not EventKind.CLOSED:
            raise ConfigError(f"run {store.run_id} is not closed; finish it first with: thekla resume {store.run_id}")
        started = payload_of(events[0])
        assert isinstance(started, Started)
        if started.problem.name != options.reference.name:
            raise ConfigError(
                f"run {store.run_id} is of problem {started.problem.name!r}, not {options.problem!r}; "
                "a run can only start from one of its own problem"
            )
        scored: list[tuple[Scored, str]] = []
        for event in events:
            if event.kind is not EventKind.TOLD:
                continue
            told = payload_of(event)
            if isinstance(told, ToldFact) and isinstance(told.outcome, Scored) and told.program is not None:
                scored.append((told.outcome, told.program))
        beyond = [violation(started.constraints, outcome) for outcome, _ in scored]
        order = by_preference(started.objectives[:1], [outcome.scores for outcome, _ in scored], beyond)
        programs = [program_from_blob(store.blob(scored[place][1])) for place in order[:IMPORTED]]
        return programs, f"{store.run_id}@{events[-1].chain}"

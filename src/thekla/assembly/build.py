"""Names and arguments into objects."""

from __future__ import annotations

import inspect
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast, get_type_hints

from pydantic import TypeAdapter, ValidationError

import thekla
from thekla.assembly.options import Part, RunOptions
from thekla.assembly.presets import load_preset
from thekla.core import registry
from thekla.core.constraints import parse_constraint
from thekla.core.errors import ConfigError
from thekla.core.journal import Started
from thekla.core.problem import Constraint, Objective, Problem, ProblemRef
from thekla.core.program import Program
from thekla.core.protocols import Generator, ProblemPackage, PromptBuilder, Sandbox, Strategy
from thekla.core.racing import Race
from thekla.core.redaction import Redactor, secrets_of, without_secrets
from thekla.core.registry import Component
from thekla.core.rng import derive_seed
from thekla.core.run import ASK_TELL
from thekla.core.values import Data
from thekla.engine import Clock
from thekla.evaluation.backends import LocalBackend
from thekla.evaluation.complexity import COMPLEXITY
from thekla.generation.agents import TOOLS, names_its_cost
from thekla.generation.asktell import Desk
from thekla.generation.novelty import Novel
from thekla.generation.replay import RecordedAnswer
from thekla.generation.tuned import Tuned
from thekla.llm import ModelSource
from thekla.prompting.island import IslandPrompts
from thekla.search import Hinted, Noted, Tuning, Weighed, needs_weighing
from thekla.search.line import patience_within

__all__ = [
    "ahead_of",
    "build_generator",
    "build_package",
    "build_prompts",
    "build_sandbox",
    "build_search",
    "build_strategy",
    "build_told_prompts",
    "build_tuned_strategy",
    "components_of",
    "problem_of",
    "real_clock",
    "started_of",
]

AHEAD = "ahead"

_ASKED_ONCE = frozenset({"agent", ASK_TELL})  # generators whose answers are minutes of somebody's work


def build_package(reference: ProblemRef) -> ProblemPackage:
    """The problem that a reference names.

    Raises:
        ConfigError: There is no such problem or suite.
    """
    build = registry.load("problems", reference.name)
    return cast(ProblemPackage, _call(build, f"problem {reference.name!r}", reference.suite, **reference.arguments))


def build_sandbox(tier: str) -> Sandbox:
    """The sandbox of a tier, proven by trying attacks on it.

    Raises:
        ConfigError: There is no such tier.
        SandboxError: This machine cannot provide it.
    """
    return cast(Sandbox, registry.load("sandboxes", tier)())


def build_backend(problem: ProblemRef, *, sandbox: str, workers: int, hash_seed: str = "") -> LocalBackend:
    """Worker processes, which get no secret of this process: they need none, and what they print is logged.

    Args:
        hash_seed: That of the workers; empty for what this process was started with.

    Raises:
        ConfigError: There is no such problem or tier.
        SandboxError: This machine cannot provide the tier.
    """
    return LocalBackend(
        problem,
        sandbox=sandbox,
        workers=workers,
        environment={**without_secrets(os.environ), **({"PYTHONHASHSEED": hash_seed} if hash_seed else {})},
        clean=Redactor(secrets_of(os.environ)),
    )


def build_strategy(component: Component, problem: Problem, *, seed: int) -> Strategy:
    """The strategy that the journal names, with its own stream of the run's seed."""
    make = registry.load("strategies", component.name)
    stream_seed = derive_seed(seed, "strategy")
    return cast(Strategy, _call(make, f"strategy {component.name!r}", problem, seed=stream_seed, **component.arguments))


def build_generator(
    component: Component,
    models: ModelSource,
    *,
    desk: Desk | None = None,
    recording: Sequence[RecordedAnswer] = (),
) -> Generator:
    """The generator that the journal names; what its parameters name of the house is filled in."""
    make = registry.load("generators", component.name)
    given = {"models": models, "desk": desk or Desk(), "recording": recording, "environment": os.environ}
    wanted = {name: given[name] for name in inspect.signature(make).parameters if name in given}
    if wanted:
        make = _with_parts(make, wanted)
    return cast(Generator, _call(make, f"generator {component.name!r}", **component.arguments))


def _with_parts(make: Any, parts: Mapping[str, object]) -> Any:
    """`make` without the parameters that `parts` fill, but with its others and their types as they are."""

    def made(**arguments: object) -> object:
        return make(**parts, **arguments)

    signature = inspect.signature(make)
    rest = [one for name, one in signature.parameters.items() if name not in parts]
    made.__signature__ = signature.replace(parameters=rest)  # type: ignore[attr-defined]  # what inspect looks at
    made.__annotations__ = get_type_hints(make.__init__ if inspect.isclass(make) else make)
    return made


def build_search(
    components: Mapping[str, Component],
    problem: Problem,
    models: ModelSource,
    *,
    seed: int,
    desk: Desk | None = None,
    recording: Sequence[RecordedAnswer] = (),
) -> tuple[Strategy, Generator]:
    """What selects and what proposes, both with constants tuned if the journal says so, the latter with novelty."""
    generator = build_generator(components["generator"], models, desk=desk, recording=recording)
    strategy = build_tuned_strategy(components, problem, seed=seed)
    if (novelty := components.get("novelty")) is not None:
        generator = cast(Generator, _call(Novel, "novelty", generator, **novelty.arguments))
    return strategy, Tuned(generator) if "tuning" in components else generator


def build_tuned_strategy(components: Mapping[str, Component], problem: Problem, *, seed: int) -> Strategy:
    """What selects, within an optimiser of constants and with hints and notes if the journal says so.

    Where the first objective does not decide alone, it is told merits (`search.weighing`).
    """
    if needs_weighing(problem):
        return Weighed(lambda shown: build_tuned_strategy(components, shown, seed=seed), problem)
    strategy = build_strategy(components["strategy"], problem, seed=seed)
    if (tuning := components.get("tuning")) is not None:
        stream_seed = derive_seed(seed, "tuning")
        strategy = cast(Strategy, _call(Tuning, "tuning", strategy, problem, seed=stream_seed, **tuning.arguments))
    if (hints := components.get("hints")) is not None:
        strategy = cast(Strategy, _call(Hinted, "hints", strategy, problem, **hints.arguments))
    if (notes := components.get("notes")) is not None:
        strategy = cast(Strategy, _call(Noted, "notes", strategy, problem, **notes.arguments))
    return strategy


def build_prompts(component: Component) -> PromptBuilder:
    """The prompt builder that the journal names."""
    make = registry.load("prompts", component.name)
    return cast(PromptBuilder, _call(make, f"prompt builder {component.name!r}", **component.arguments))


def build_told_prompts(components: Mapping[str, Component]) -> PromptBuilder:
    """The prompt builder of a run, which tells the generator what it compares its answers with if it does."""
    prompts = build_prompts(components["prompts"])
    return IslandPrompts(prompts) if "novelty" in components else prompts


def started_of(
    options: RunOptions,
    package: ProblemPackage,
    *,
    tier: str,
    imports: Sequence[Program] = (),
    imported_from: str = "",
) -> Started:
    """What the first event of a run with these options says.

    Raises:
        ConfigError: The options do not fit the problem, or each other.
    """
    problem = package.problem
    _refuse_short_budget(options, problem, imports)
    return Started(
        problem=ProblemRef(name=options.reference.name, suite=problem.suite, arguments=options.reference.arguments),
        problem_version=problem.version,
        objectives=_objectives(problem, options),
        measures=problem.measures,
        evaluator=package.evaluator_digest,
        instances={str(split): instances for split, instances in problem.instances.items()},
        components=components_of(options) | _hints(options, problem),
        seed=options.seed,
        budget=options.budget,
        in_flight=options.tickets_in_flight,
        tier=tier,
        thekla=thekla.__version__,
        imported_from=imported_from,
        imports=tuple(program.id for program in imports),
        baselines=tuple(package.baselines),
        published=problem.published,
        vocabulary={block.name: block.doc for block in problem.vocabulary.blocks},
        constraints=_constraints(problem, options),
        order=options.order or problem.order,
        race=_race(problem, options),
    )


def problem_of(package: ProblemPackage, started: Started) -> Problem:
    """The problem under the objectives and constraints that a run asked for."""
    return replace(package.problem, objectives=started.objectives, constraints=started.constraints, order=started.order)


def components_of(options: RunOptions) -> dict[str, Component]:
    """The parts of a run as the journal names them."""
    names: dict[Part, tuple[str, str]] = {
        "strategy": ("strategies", options.strategy),
        "generator": ("generators", options.generator_name),
        "prompts": ("prompts", options.prompts_name),
    }
    components = {
        str(part): Component(
            name=name,
            version=str(getattr(registry.load(group, name), "version", "")),
            arguments=_arguments(options, part),
        )
        for part, (group, name) in names.items()
    }
    if options.tune:
        components["tuning"] = Component(
            name=Tuning.name, version=Tuning.version, arguments=_arguments(options, "tuning")
        )
    if _rejects_alike(options):
        components["novelty"] = Component(
            name=Novel.name, version=Novel.version, arguments=_arguments(options, "novelty")
        )
    if options.notes_every is not None:
        if options.generator_name != "rewrite" or options.prompts_name != "chat":
            raise ConfigError(
                f"notes_every is {options.notes_every}, but notes are written by a language model and read in prompts "
                f"of `chat`; this run has the generator {options.generator_name!r} and prompts of "
                f"{options.prompts_name!r}: give --model, or leave --notes-every out"
            )
        components["notes"] = Component(
            name=Noted.name, version=Noted.version, arguments={"every": options.notes_every}
        )
    if options.ahead:
        components[AHEAD] = Component(name=AHEAD, version="1", arguments={"tickets": options.ahead})
    _refuse_idle_cap(options)
    if options.preset is not None:
        components["preset"] = Component(name=options.preset, version=load_preset(options.preset).version)
    return components


def _rejects_alike(options: RunOptions) -> bool:
    """Whether answers are asked for again; a preset's wish for it ends where answers are somebody's work.

    Raises:
        ConfigError: It is asked of an agent, or of somebody outside.
    """
    if not options.novelty or options.generator_name not in _ASKED_ONCE:
        return options.novelty
    if options.preset is not None and load_preset(options.preset).options.get("novelty"):
        return False
    raise ConfigError(
        f"novelty asks again for what nearly equals another program, but answers of {options.generator_name!r} are "
        "work that is asked for once; leave it out"
    )


def _refuse_idle_cap(options: RunOptions) -> None:
    """Refuse a cap on money for an agent whose cost nobody will know.

    Raises:
        ConfigError: It says neither what its work cost nor which model did it.
    """
    given = options.arguments_of("generator")
    tool = TOOLS.get(str(given.get("tool"))) if options.generator_name == "agent" else None
    if tool is None or options.cost_usd is None or given.get("free"):
        return
    if not names_its_cost(tool, str(given.get("model", ""))):
        raise ConfigError(
            f"{tool.executable} does not say what its work costs, so the cap of {options.cost_usd:g} USD cannot be "
            "kept; name a --model of the price list, or cap tokens, or set free = true under a flat rate"
        )


def _hints(options: RunOptions, problem: Problem) -> dict[str, Component]:
    """The problem's hints as the journal names them.

    They wait twice as long as `thekla` does: what it tries first, by itself, gets its time.
    """
    if not (options.hints and problem.hints.texts):
        return {}
    arguments: dict[str, Data] = {
        "patience": 2 * patience_within(options.evaluations or 200),
        **options.arguments_of("hints"),
        "version": problem.hints.version,
    }
    return {"hints": Component(name=Hinted.name, version=Hinted.version, arguments=arguments)}


def ahead_of(started: Started) -> int:
    """How many tickets may be out beyond those in flight, as the journal says."""
    component = started.components.get(AHEAD)
    tickets = component.arguments.get("tickets") if component is not None else 0
    assert isinstance(tickets, int)
    return tickets


def real_clock() -> Clock:
    """The machine's own clocks."""
    return Clock(now_s=time.time, monotonic_s=time.monotonic)


def _refuse_short_budget(options: RunOptions, problem: Problem, imports: Sequence[Program]) -> None:
    """Refuse a run that would close before anything is proposed: seeds and imports count as evaluations, each once.

    Raises:
        ConfigError: They can use up the budget.
    """
    seeds = len({program.id for program in problem.seeds})
    first = len({program.id for program in (*problem.seeds, *imports)})
    if options.evaluations is not None and options.evaluations <= first:
        imported = f" and the {first - seeds} programs of --from" if first > seeds else ""
        raise ConfigError(
            f"{options.evaluations} evaluations leave nothing to search: the {seeds} seed programs of "
            f"{problem.name!r}{imported} are evaluated first and count; give at least --evaluations {first + 1}"
        )


def _objectives(problem: Problem, options: RunOptions) -> tuple[Objective, ...]:
    """The problem's objectives, and the complexity of programs if it counts or readable ones are preferred."""
    first, *further = problem.objectives
    if options.readable:
        return replace(first, tolerance=options.tolerance), *further, COMPLEXITY
    constrained = any(one.name == COMPLEXITY.name for one in _constraints(problem, options))
    return (first, *further, COMPLEXITY) if constrained else problem.objectives


def _constraints(problem: Problem, options: RunOptions) -> tuple[Constraint, ...]:
    """The problem's constraints and those of the user.

    Raises:
        ConfigError: One names what the problem does not have.
    """
    asked = tuple(parse_constraint(text) for text in options.constraints)
    known = [*(one.name for one in problem.objectives), *(one.name for one in problem.measures), COMPLEXITY.name]
    for constraint in asked:
        if constraint.name not in known:
            raise ConfigError(f"there is no {constraint.name!r} to constrain; there are {', '.join(known)}")
    return *problem.constraints, *(one for one in asked if one not in problem.constraints)


def _race(problem: Problem, options: RunOptions) -> Race | None:
    """When evaluations may end early; not where a program may win by more than one number.

    Raises:
        ConfigError: There are several objectives, or constraints.
    """
    if options.race is None:
        return None
    objectives, constraints = _objectives(problem, options), _constraints(problem, options)
    if len(objectives) > 1 or constraints:
        names = ", ".join([*(one.name for one in objectives[1:]), *(one.name for one in constraints)])
        raise ConfigError(f"--race needs a single objective, and in this run {names} count as well; leave it out")
    return Race(error=options.race)


def _arguments(options: RunOptions, part: Part) -> dict[str, Data]:
    """The arguments that are given for a part; a strategy that asks for its budget gets the run's."""
    given = options.arguments_of(part)
    if part != "strategy" or options.evaluations is None:
        return given
    wanted = inspect.signature(registry.load("strategies", options.strategy)).parameters
    return {"evaluations": options.evaluations, **given} if "evaluations" in wanted else given


def _call(make: Any, what: str, *arguments: object, **named: object) -> object:
    """`make(...)`, with a wrong or unknown argument told as the user's mistake."""
    try:
        inspect.signature(make).bind(*arguments, **named)
    except TypeError as error:
        known = [name for name in inspect.signature(make).parameters if name not in ("problem", "seed", "clock")]
        raise ConfigError(f"{what}: {error}; it knows {', '.join(known) or 'no arguments'}") from error
    _check_types(make, what, named)
    try:
        return make(*arguments, **named)
    except (ValueError, TypeError) as error:
        raise ConfigError(f"{what}: {error}") from error


def _check_types(make: Any, what: str, named: Mapping[str, object]) -> None:
    """Refuse arguments that do not fit the annotations: they come from a file, where no type checker looked."""
    try:
        hints = get_type_hints(make.__init__ if inspect.isclass(make) else make)
    except NameError:
        return  # a plug-in's names that exist for type checkers only
    for name, value in named.items():
        if name in hints:
            try:
                TypeAdapter(hints[name]).validate_python(value, strict=True)
            except ValidationError as error:
                raise ConfigError(f"{what}: {name} is {value!r}: {error.errors()[0]['msg']}") from error

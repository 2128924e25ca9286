"""The settings of a run, from a TOML file and the command line."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from thekla.assembly.presets import load_preset
from thekla.core.budget import Budget
from thekla.core.constraints import parse_constraint
from thekla.core.errors import ConfigError
from thekla.core.problem import Order, ProblemRef
from thekla.core.run import ASK_TELL
from thekla.core.values import Data

__all__ = ["Part", "RunOptions", "load_options", "located"]

Part = Literal["problem", "strategy", "generator", "prompts", "tuning", "hints", "novelty"]
Plain = bool | int | float | str

_READERS = frozenset({"agent", "rewrite", ASK_TELL})  # generators that read prose


def _constraint(text: str) -> str:
    parse_constraint(text)
    return text


class RunOptions(BaseModel):
    """What `thekla run` needs to know; unknown entries are refused.

    Args:
        evaluations, proposals, wall_s, cpu_s, cost_usd, tokens, calls: Caps; the first that is reached ends the search.
        model: A language model, as in `provider:model` or `https://host/v1#model`: short for the generator `rewrite`
            with an ensemble of this one, with the other settings of the first that the arguments name.
        agent: A command-line agent that proposes, as in `claude`: short for the generator `agent`; `model` is then its.
        by: Who answers the tickets of the generator `asktell`.
        feedback: How much a language model is told of outcomes: `score`, `instances`, `causes` or `trace`; None is the
            prompt builder's own.
        seed: Of everything random in the run.
        workers: Processes that evaluate; changes the speed, never the result.
        in_flight: Tickets that are out at once; part of what the run is; 1 if the answers come from outside.
        ahead: Tickets that may be out beyond those, while outcomes that are there wait for a slower one before them;
            with any, an equal seed need not give an equal run, as what is asked depends on how long answers take.
        sandbox: `strict`, or `trusted`, which marks every score.
        tune: Whether an optimiser varies the constants of the best programs, in trials that count as evaluations.
        novelty: Whether an answer that nearly equals a program of its island is asked for again; not from an agent or
            from outside, whose answers are work.
        hints: Whether the problem's own hints, if it has any, are switched on one by one where the search stands still.
        notes_every: Outcomes after which a language model is asked for notes on the search, which later prompts show;
            None asks for none.
        from_run: A closed run whose best programs start this one.
        readable: Whether simpler programs are preferred: `complexity` (syntax-tree nodes) becomes a further objective.
        tolerance: The share of the best score that may be given up for a simpler program.
        constraints: What a program must keep to, as in `misses<=0.05`: a measure or objective and its limit.
        order: What is made of several objectives: `first`, or `lexicographic`; None is the problem's own.
        audited: Whether a problem of the user's own must pass the quick audit first; changes nothing of the run.
        race: Whether evaluations end early whose candidate cannot be among the best ten of the run any more; the number
            is the error that is allowed for each (0: only what bounds prove).
        preset: The named settings that these began with; recorded, not looked up again.
        arguments: Arguments of the problem and of the components, by part.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    problem: str
    suite: str = "default"
    strategy: str = "thekla"
    generator: str = "mutation"
    prompts: str = "brief"
    evaluations: Annotated[int, Field(ge=1)] | None = 200
    proposals: Annotated[int, Field(ge=1)] | None = None
    wall_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    cpu_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    cost_usd: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    tokens: Annotated[int, Field(ge=1)] | None = None
    calls: Annotated[int, Field(ge=1)] | None = None
    model: str | None = None
    agent: str | None = None
    by: str | None = None
    feedback: str | None = None
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    workers: Annotated[int, Field(ge=1, le=1024)] = 2
    in_flight: Annotated[int, Field(ge=1, le=4096)] = 8
    ahead: Annotated[int, Field(ge=0, le=65_536)] = 0
    sandbox: str = "strict"
    tune: bool = False
    novelty: bool = False
    hints: bool = True
    notes_every: Annotated[int, Field(ge=1)] | None = None
    from_run: str | None = None
    readable: bool = False
    tolerance: Annotated[float, Field(ge=0, lt=1)] = 0.01
    constraints: tuple[Annotated[str, AfterValidator(_constraint)], ...] = ()
    order: Order | None = None
    race: Annotated[float, Field(ge=0, lt=0.5)] | None = None
    preset: str | None = None
    audited: bool = True
    arguments: Mapping[Part, Mapping[str, Plain | list[Mapping[str, Plain]]]] = Field(default_factory=dict)

    def arguments_of(self, part: Part) -> dict[str, Data]:
        """The arguments of one component, the model that is named short among them."""
        arguments: dict[str, Data] = dict(self.arguments.get(part, {}))
        if part == "generator" and self.agent is not None:
            arguments["tool"] = self.agent
            arguments |= {"model": self.model} if self.model is not None else {}
        elif part == "generator" and self.model is not None:
            listed = arguments.get("ensemble")
            first = listed[0] if isinstance(listed, list) and listed else {}
            others = dict(first) if isinstance(first, Mapping) else {}
            arguments["ensemble"] = [{**others, "model": self.model}]
        if part == "generator" and self.by is not None:
            arguments["by"] = self.by
        if part == "prompts" and self.feedback is not None:
            arguments["feedback"] = self.feedback
        return arguments

    @property
    def generator_name(self) -> str:
        """The generator: `rewrite` if only a model is named, `agent` if an agent is."""
        if self.agent is not None and self.generator == "mutation":
            return "agent"
        return "rewrite" if self.model is not None and self.generator == "mutation" else self.generator

    @property
    def prompts_name(self) -> str:
        """The prompt builder: `chat` for those who read prose, if none is named."""
        return "chat" if self.prompts == "brief" and self.generator_name in _READERS else self.prompts

    @property
    def tickets_in_flight(self) -> int:
        """Tickets that are out at once: one, if nobody said otherwise, for somebody outside who reads each outcome."""
        given = "in_flight" in self.model_fields_set
        return self.in_flight if given or self.generator_name != ASK_TELL else 1

    @property
    def reference(self) -> ProblemRef:
        """The problem, as a journal names it."""
        return ProblemRef(
            name=located(self.problem), suite=self.suite, arguments=dict(self.arguments.get("problem", {}))
        )

    @property
    def budget(self) -> Budget:
        """The caps.

        Raises:
            ConfigError: None of them would end the run.
        """
        try:
            return Budget(
                evaluations=self.evaluations,
                proposals=self.proposals,
                wall_s=self.wall_s,
                cpu_s=self.cpu_s,
                cost_usd=self.cost_usd,
                tokens=self.tokens,
                calls=self.calls,
            )
        except ValueError as error:
            raise ConfigError(str(error)) from error


def located(problem: str) -> str:
    """The name of a problem as the registry knows it: a folder's is its absolute path, whatever else stays as it is."""
    return os.path.abspath(os.path.expanduser(problem)) if "/" in problem or problem in (".", "..") else problem


def load_options(
    path: Path | None = None, *, problem_arguments: Mapping[str, Plain] | None = None, **overrides: Any
) -> RunOptions:
    """Options from a preset, over it a TOML file, over both what is given by name (None is not given).

    Args:
        problem_arguments: Override the problem's arguments one by one.

    Raises:
        ConfigError: The file cannot be read, there is no such preset, or an entry is unknown or out of range; the
            message names it.
    """
    entries: dict[str, Any] = {}
    where = "options"
    if path is not None:
        where = str(path)
        try:
            entries = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path} cannot be read: {error}") from error
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(f"{path} is not TOML: {error}") from error
    entries |= {name: value for name, value in overrides.items() if value is not None}
    if isinstance(entries.get("preset"), str):
        entries = _over(load_preset(entries["preset"]).options, entries)
    if problem_arguments:
        arguments = dict(entries.get("arguments", {}))
        entries["arguments"] = {**arguments, "problem": {**arguments.get("problem", {}), **problem_arguments}}
    try:
        return RunOptions(**entries)
    except ValidationError as error:
        raise ConfigError(f"{where}: {_complaints(error)}") from error


def _over(below: Mapping[str, Any], entries: Mapping[str, Any]) -> dict[str, Any]:
    """`entries` over those of a preset, whose arguments only hold for the components that it names."""
    kept = {
        part: arguments
        for part, arguments in below.get("arguments", {}).items()
        if entries.get(part, below.get(part)) == below.get(part)
    }
    given = entries.get("arguments", {})
    if not isinstance(given, Mapping):
        return {**below, **entries}
    merged = {part: {**kept.get(part, {}), **given.get(part, {})} for part in {**kept, **given}}
    return {**below, **entries, "arguments": merged}


def _complaints(error: ValidationError) -> str:
    known = ", ".join(RunOptions.model_fields)
    lines = []
    for entry in error.errors(include_url=False):
        name = ".".join(str(part) for part in entry["loc"])
        if entry["type"] == "extra_forbidden":
            lines.append(f"unknown option {name!r}; known: {known}")
        elif entry["type"] == "missing":
            lines.append(f"option {name!r} is missing")
        else:
            lines.append(f"option {name!r} is {entry['input']!r}: {entry['msg']}")
    return "; ".join(lines)

"""Options are what was given, checked, or a message that names what is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from thekla.assembly.build import build_generator, build_package, build_strategy, components_of, started_of
from thekla.assembly.options import RunOptions, load_options
from thekla.core.errors import ConfigError
from thekla.core.problem import ProblemRef
from thekla.core.racing import Race
from thekla.core.registry import Component
from thekla.core.values import Data
from thekla.llm import Models


def test_a_name_that_is_given_goes_before_the_file_and_none_is_not_given(tmp_path: Path) -> None:
    file = tmp_path / "options.toml"
    file.write_text('problem = "toy"\nseed = 3\nevaluations = 50\n[arguments.strategy]\nexplore = 0.5\n')
    options = load_options(file, seed=9, evaluations=None, suite="single")
    assert (options.problem, options.suite, options.seed, options.evaluations) == ("toy", "single", 9, 50)
    assert options.arguments == {"strategy": {"explore": 0.5}}
    assert (options.workers, options.in_flight, options.sandbox) == (2, 8, "strict")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "'problem' is missing"),
        ({"problem": "toy", "evaluations": 0}, "greater than or equal to 1"),
        ({"problem": "toy", "wall_s": float("inf")}, "finite"),
        ({"problem": "toy", "seed": 2**63}, "less than"),
        ({"problem": "toy", "workers": "many"}, "'workers' is 'many'"),
        ({"problem": "toy", "arguments": {"brain": {}}}, "arguments.brain"),
        ({"problem": "toy", "speed": 1, "depth": 2}, "'speed'.*'depth'"),
    ],
)
def test_what_is_out_of_range_or_unknown_is_named(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load_options(**given)


def test_a_budget_that_would_end_no_run_is_refused(tmp_path: Path) -> None:
    options = load_options(problem="toy").model_copy(update={"evaluations": None})
    with pytest.raises(ConfigError, match="none would ever end the run"):
        _ = options.budget
    assert options.model_copy(update={"wall_s": 5.0}).budget.wall_s == 5.0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"malformed": "much"}, "malformed is 'much': Input should be a valid number"),
        ({"malformed": True}, "malformed is True"),
        ({"mal": 1.0}, "it knows malformed"),
    ],
)
def test_arguments_of_a_component_must_fit_it(arguments: dict[str, str | bool | float], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        build_generator(Component(name="constants", version="1", arguments=arguments), Models({}))


def test_arguments_that_fit_are_taken_and_a_whole_number_is_a_number() -> None:
    build_generator(Component(name="constants", version="1", arguments={"malformed": 0}), Models({}))
    package = build_package(ProblemRef(name="toy", suite="default"))
    for name in ("greedy", "islands", "random", "sampling"):
        build_strategy(Component(name=name, version="1"), package.problem, seed=1)
    with pytest.raises(ConfigError, match=r"known: .*greedy"):
        build_strategy(Component(name="other", version="1"), package.problem, seed=1)


def test_a_model_is_short_for_the_generator_that_asks_it() -> None:
    options = load_options(problem="toy", model="ollama:qwen3", feedback="trace")
    assert (options.generator_name, options.prompts_name) == ("rewrite", "chat")
    assert options.arguments_of("generator") == {"ensemble": [{"model": "ollama:qwen3"}]}
    assert options.arguments_of("prompts") == {"feedback": "trace"}
    entry = {"model": "openai:gpt-5.2", "format": "full"}
    listed = load_options(problem="toy", model="ollama:qwen3", arguments={"generator": {"ensemble": [entry]}})
    assert listed.arguments_of("generator")["ensemble"] == [{"model": "ollama:qwen3", "format": "full"}]


def test_a_generator_gets_its_models_from_the_run_and_not_from_a_file() -> None:
    ensemble: Data = [{"model": "ollama:qwen3", "temperature": 0.5}]
    build_generator(Component(name="rewrite", version="1", arguments={"ensemble": ensemble}), Models({}))
    for arguments, said in (
        ({"ensemble": "gpt"}, "valid list"),
        ({"ensemble": [{"model": "ollama:qwen3", "colour": "red"}]}, "colour"),
        ({"ensemble": ensemble, "models": 1}, "it knows ensemble, rules, deadline_s, repairs"),
        ({}, "ensemble"),
    ):
        with pytest.raises(ConfigError, match=said):
            build_generator(Component(name="rewrite", version="1", arguments=arguments), Models({}))


@pytest.mark.parametrize(
    ("given", "arguments"),
    [
        ({"strategy": "annealing", "evaluations": 70}, {"evaluations": 70}),
        ({"strategy": "annealing", "arguments": {"strategy": {"evaluations": 9}}}, {"evaluations": 9}),
        ({"strategy": "greedy", "evaluations": 70}, {}),
        ({"strategy": "annealing", "evaluations": 70, "tune": True}, {"evaluations": 70}),
    ],
)
def test_a_strategy_that_asks_for_its_budget_is_given_the_one_of_the_run(
    given: dict[str, Any], arguments: dict[str, int]
) -> None:
    options = load_options(problem="toy", generator="constants", prompts="plain", **given)
    package = build_package(ProblemRef(name="toy", suite="default"))
    assert started_of(options, package, tier="trusted").components["strategy"].arguments == arguments


def test_a_race_is_recorded_and_refused_where_more_than_one_number_counts() -> None:
    options = RunOptions(problem="toy", generator="constants", prompts="plain", race=0.1)
    package = build_package(options.reference)
    assert started_of(options, package, tier="strict").race == Race(keep=10, error=0.1)
    with pytest.raises(ConfigError, match="--race needs a single objective, and in this run complexity"):
        started_of(options.model_copy(update={"readable": True}), package, tier="strict")


def test_an_agent_that_is_named_proposes_with_the_model_that_is_named() -> None:
    options = load_options(None, problem="toy", agent="claude", model="sonnet")
    assert options.generator_name == "agent"
    assert options.prompts_name == "chat"
    assert options.arguments_of("generator") == {"tool": "claude", "model": "sonnet"}


def test_a_cap_on_money_needs_an_agent_whose_cost_is_known() -> None:
    def components(**changes: Any) -> object:
        return components_of(load_options(problem="toy", cost_usd=5.0, **changes))

    flat = {"generator": {"free": True}}
    for known in (
        {"agent": "codex", "model": "gpt-5-codex"},
        {"agent": "claude"},
        {"agent": "codex", "arguments": flat},
    ):
        assert components(**known)
    for unknown in ({"agent": "codex"}, {"agent": "codex", "model": "unheard-of"}):
        with pytest.raises(ConfigError, match="the cap of 5 USD cannot be kept; name a --model"):
            components(**unknown)

"""Strategies and presets as contenders of the laboratory."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from pathlib import Path

from thekla.assembly.build import build_tuned_strategy, components_of
from thekla.assembly.options import load_options
from thekla.assembly.presets import preset_names
from thekla.core import registry
from thekla.core.errors import ConfigError
from thekla.core.problem import Problem
from thekla.core.protocols import Generator, Strategy
from thekla.generation.tuned import Tuned
from thekla.laboratory.ablation import Worth, worths
from thekla.laboratory.figure import summary_svg
from thekla.laboratory.problems import LABORATORY, LabProblem
from thekla.laboratory.summary import Summary, summarise
from thekla.laboratory.trial import Contender, Trial, run_trial

__all__ = ["TUNE_SUFFIX", "bench_ablation", "bench_strategies", "contender", "write_figure"]

TUNE_SUFFIX = "+tune"
"""After the name of a strategy or preset: with constants tuned."""

_ALL = "all"


def bench_strategies(
    names: Sequence[str],
    problems: Sequence[str],
    *,
    seeds: int,
    proposals: int,
    in_flight: int,
    observer: Callable[[int, int], None],
) -> Summary:
    """Every contender on every problem with seeds 1 to `seeds`; all get the same proposals.

    Args:
        names: Strategies and presets; none means all strategies that are installed.
        problems: Of the laboratory; none means all.
        observer: Hears how many of how many trials are done.

    Raises:
        ConfigError: A name is unknown, or given twice.
    """
    contenders = [contender(name) for name in _distinct(names or registry.names("strategies"), "strategy")]
    return summarise(
        _trials(contenders, problems, seeds=seeds, proposals=proposals, in_flight=in_flight, observer=observer)
    )


def bench_ablation(
    name: str,
    problems: Sequence[str],
    *,
    seeds: int,
    proposals: int,
    in_flight: int,
    observer: Callable[[int, int], None],
) -> list[Worth]:
    """What each mechanism of a strategy is worth, by problem: each is a setting that can be switched off.

    The last one, `all`, is the strategy against itself with every mechanism switched off.

    Raises:
        ConfigError: The strategy or problem is unknown, or it has no mechanism to switch off.
    """
    found = _mechanisms(name)
    if not found:
        raise ConfigError(f"strategy {name!r} has no mechanism that is switched on and can be switched off")
    without = {mechanism: f"{name} without {mechanism}" for mechanism in (*found, _ALL)}
    contenders = [contender(name)]
    for mechanism, lacking in without.items():
        contenders.append(contender(name, as_name=lacking, off=found if mechanism == _ALL else [mechanism]))
    trials = _trials(contenders, problems, seeds=seeds, proposals=proposals, in_flight=in_flight, observer=observer)
    return worths(trials, whole=name, without=without)


def write_figure(summary: Summary, path: Path) -> None:
    """Write the curves of the medians as SVG."""
    path.write_text(summary_svg(summary), encoding="utf-8")


def _trials(
    contenders: Sequence[Contender],
    problems: Sequence[str],
    *,
    seeds: int,
    proposals: int,
    in_flight: int,
    observer: Callable[[int, int], None],
) -> list[Trial]:
    labs = [_lab(name) for name in _distinct(problems or list(LABORATORY), "problem")]
    trials: list[Trial] = []
    total = len(labs) * len(contenders) * seeds
    for make_lab in labs:
        lab = make_lab()
        for each in contenders:
            for seed in range(1, seeds + 1):
                trials.append(run_trial(each, lab, seed=seed, proposals=proposals, in_flight=in_flight))
                observer(len(trials), total)
    return trials


def _mechanisms(name: str) -> list[str]:
    """The settings of a strategy that are on and can be switched off."""
    parameters = inspect.signature(registry.load("strategies", name)).parameters
    return [setting for setting, one in parameters.items() if one.default is True]


def _distinct(names: Sequence[str], what: str) -> Sequence[str]:
    if len(set(names)) < len(names):
        raise ConfigError(f"a {what} is named twice in {', '.join(names)}; name each once")
    return names


def _lab(name: str) -> Callable[[], LabProblem]:
    if name not in LABORATORY:
        raise ConfigError(f"the laboratory has no problem {name!r}; it has {', '.join(LABORATORY)}")
    return LABORATORY[name]


def contender(name: str, *, as_name: str = "", off: Sequence[str] = ()) -> Contender:
    """A strategy or preset as the laboratory tries it, by its name.

    Args:
        as_name: What it is called in the summary, if not by its name.
        off: Mechanisms, which are settings, to be switched off.

    Raises:
        ConfigError: There is no such strategy or preset.
    """
    plain = name.removesuffix(TUNE_SUFFIX)
    preset, strategy = (plain, None) if plain in preset_names() else (None, plain)
    if preset is None and plain not in registry.names("strategies"):
        known = f"strategies {', '.join(registry.names('strategies'))}; presets {', '.join(preset_names())}"
        raise ConfigError(f"there is no strategy or preset {plain!r}; there are the {known}")
    tune = True if plain != name else None
    arguments = {"strategy": dict.fromkeys(off, False)} if off else None
    options = load_options(problem="laboratory", preset=preset, strategy=strategy, tune=tune, arguments=arguments)

    def make(problem: Problem, seed: int, proposals: int) -> Strategy:
        components = components_of(options.model_copy(update={"evaluations": proposals}))
        return build_tuned_strategy(components, problem, seed=seed)

    return Contender(name=as_name or name, make=make, around=Tuned if options.tune else _unchanged)


def _unchanged(generator: Generator) -> Generator:
    return generator

"""A preset is settings under a name: checked like any, overridden by anything, named in the journal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from thekla.assembly import run
from thekla.assembly.build import build_package, build_search, started_of
from thekla.assembly.options import load_options
from thekla.assembly.presets import load_preset, preset_names
from thekla.core.errors import ConfigError
from thekla.core.journal import Started, payload_of
from thekla.core.problem import ProblemRef
from thekla.llm import PROVIDERS, Models
from thekla.storage import RunFile


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_says_what_it_is_and_builds(name: str) -> None:
    preset = load_preset(name)
    assert preset.about.endswith(".")
    assert preset.version
    options = load_options(preset=name, problem="toy", suite="default", prompts="plain")
    package = build_package(ProblemRef(name="toy", suite="default"))
    started = started_of(options, package, tier="trusted")
    keys = {provider.key_env: "a key" for provider in PROVIDERS.values() if provider.key_env}
    assert build_search(started.components, package.problem, Models(keys), seed=1)
    assert started.components["preset"].version == preset.version


def test_presets_of_published_engines_show_no_hints() -> None:
    hinting = {name for name in preset_names() if load_preset(name).options.get("hints", True)}
    assert hinting == {"climb-and-tune"}


def test_an_unknown_preset_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(ConfigError, match=r"known: .*climb-and-tune"):
        load_options(preset="none-such", problem="toy")


def test_what_is_given_goes_before_the_preset(tmp_path: Path) -> None:
    file = tmp_path / "options.toml"
    file.write_text('problem = "toy"\npreset = "climb-and-tune"\nin_flight = 3\n[arguments.tuning]\nsigma = 0.5\n')
    options = load_options(file, tune=None)
    assert (options.strategy, options.tune, options.in_flight) == ("greedy", True, 3)
    assert options.arguments["tuning"] == {"least": 0.3, "sigma": 0.5}


def test_arguments_of_a_preset_do_not_reach_another_component(monkeypatch: pytest.MonkeyPatch) -> None:
    preset = load_preset("climb-and-tune")
    with_arguments = {**preset.options, "arguments": {"strategy": {"explore": 0.5}}, "strategy": "islands"}
    monkeypatch.setattr(
        "thekla.assembly.options.load_preset",
        lambda name: preset.__class__(name=name, version="1", about="", options=with_arguments),
    )
    assert load_options(preset="x", problem="toy").arguments == {"strategy": {"explore": 0.5}}
    assert load_options(preset="x", problem="toy", strategy="greedy").arguments == {}


def test_a_run_names_its_preset_and_its_tuning_in_the_journal(runs: Path) -> None:
    options = load_options(
        preset="climb-and-tune",
        problem="toy",
        generator="constants",
        prompts="plain",
        evaluations=12,
        sandbox="trusted",
        workers=1,
    )
    ended = run(options, runs=runs, observer=lambda progress: None)
    with RunFile.open(ended.path, read_only=True) as store:
        events = [payload_of(event) for event in store.events(store.run_id)]
    assert isinstance(events[0], Started)
    components = events[0].components
    assert (components["preset"].name, components["preset"].version) == ("climb-and-tune", "1")
    assert components["tuning"].arguments == {"least": 0.3}


@pytest.mark.parametrize("given", [{"evaluations": 3}, {"proposals": 3}, {"evaluations": 3, "tune": True}])
def test_settings_of_a_preset_that_would_never_act_are_told_when_the_run_starts(
    given: dict[str, Any], runs: Path, caplog: pytest.LogCaptureFixture
) -> None:
    given = given | {
        "generator": "constants",
        "prompts": "plain",
        "sandbox": "trusted",
        "workers": 1,
    }
    options = load_options(None, problem="toy", preset="openevolve@0.4.0", **given)
    run(options, runs=runs, observer=lambda progress: None)
    assert [record.message.partition(" is ")[0] for record in caplog.records] == [
        "openevolve: migrate_every",
        "openevolve: archive",
    ]

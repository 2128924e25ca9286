"""Every entry of the gallery gives its packages alike: once per process, with its suites and its exploits."""

import ast
from importlib.metadata import entry_points

import pytest

from thekla.core.errors import ConfigError
from thekla.core.problem import Split
from thekla.core.program import Program
from thekla.core.protocols import HiddenTruth, SharedDraws
from thekla.evaluation.allowed import objection
from thekla.problems.package import FolderPackage

PROBLEMS = sorted(each.name for each in entry_points(group="thekla.problems"))


@pytest.mark.parametrize("name", PROBLEMS)
def test_a_package_is_made_once_and_offers_suites_and_exploits(name: str) -> None:
    (entry,) = entry_points(group="thekla.problems", name=name)
    build = entry.load()
    package = build("default")
    assert isinstance(package, FolderPackage)
    assert package is build("default")
    assert package.folder.name == name
    assert "default" in package.suites
    assert all(package.suites.values())
    assert package.exploits
    with pytest.raises(ConfigError, match=f"problem '{name}' has no suite 'none of them'"):
        build("none of them")


def package_of(name: str) -> FolderPackage:
    (entry,) = entry_points(group="thekla.problems", name=name)
    package = entry.load()("default")
    assert isinstance(package, FolderPackage)
    return package


@pytest.mark.parametrize("name", PROBLEMS)
def test_seeds_and_rungs_import_what_their_problem_allows(name: str) -> None:
    package = package_of(name)
    interface = package.problem.interface
    programs = [*package.problem.seeds, *(each.program for each in package.baselines if each.program is not None)]
    for program in programs:
        assert objection({path: ast.parse(text) for path, text in program.files}, interface) == ""
    clock = Program.from_text("from time import monotonic\n")
    refused = objection({path: ast.parse(text) for path, text in clock.files}, interface)
    assert refused.startswith("program.py line 1: 'time.monotonic' may not be imported") == (name != "lakehouse")


@pytest.mark.parametrize("name", PROBLEMS)
def test_an_instance_under_other_names_draws_the_same_numbers_and_counts_the_same(name: str) -> None:
    package = package_of(name)
    assert isinstance(package, SharedDraws)
    for instance in package.problem.instances[Split.TRAIN]:
        ((renamed, factor),) = package.variants(instance)
        assert renamed.id != instance.id
        assert package.drawn_as(renamed) == package.drawn_as(instance) == instance.id
        assert factor == 1.0


@pytest.mark.parametrize(
    ("name", "suite"), [("expert-placement", "default"), ("lakehouse", "default"), ("transactions-online", "predicted")]
)
def test_what_no_program_may_know_is_declared(name: str, suite: str) -> None:
    (entry,) = entry_points(group="thekla.problems", name=name)
    package = entry.load()(suite)
    train = package.problem.instances[Split.TRAIN]
    assert isinstance(package, HiddenTruth)
    assert all(package.hidden(instance) for instance in train[:2])

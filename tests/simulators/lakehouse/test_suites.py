"""Named suites: the traces are those that were published, or none."""

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from thekla.simulators.lakehouse import SUITES, Params, Suite, load_trace, suite, write_suite
from thekla.simulators.lakehouse.suites import SuiteSplit, recipe_names, trace_digest


@pytest.fixture
def published() -> Suite:
    return suite("thekla-2026a")


@pytest.mark.parametrize("name", sorted(SUITES))
def test_every_trace_of_a_suite_is_the_published_one(name: str) -> None:
    found = suite(name)
    assert tuple(found.digests) == recipe_names(name)
    assert sum(len(found.traces(split)) for split in get_args(SuiteSplit)) == len(found.digests)


def test_no_trace_is_in_two_splits(published: Suite) -> None:
    assert len(set(published.digests.values())) == len(published.digests)
    assert [len(published.names(split)) for split in get_args(SuiteSplit)] == [8, 8, 16]


def test_a_trace_that_is_not_the_published_one_is_refused(published: Suite) -> None:
    first = published.names("train")[0]
    forged = replace(published, digests={**published.digests, first: "0" * 64})
    with pytest.raises(ValueError, match=f"trace '{first}' of suite 'thekla-2026a' has digest"):
        forged.trace(first)


def test_unknown_names_get_the_nearest_known_one(published: Suite) -> None:
    with pytest.raises(KeyError, match="did you mean 'thekla-2026a'"):
        suite("thekla-2026b")
    with pytest.raises(KeyError, match="did you mean 'train/calm-1'"):
        published.trace("train/clam-1")
    with pytest.raises(ValueError, match="did you mean 'holdout'"):
        published.names("hold-out")  # type: ignore[arg-type]  # wrong on purpose


def test_a_written_suite_reads_as_itself(published: Suite, tmp_path: Path) -> None:
    some = {name: published.digests[name] for name in ("train/calm-1", "holdout/calm-3")}
    settings, *files = write_suite(replace(published, digests=some), tmp_path / "suite")
    assert Params.from_mapping(tomllib.loads(settings.read_text(encoding="utf-8"))) == published.params
    assert [path.relative_to(tmp_path / "suite").as_posix() for path in files] == [f"{name}.csv" for name in some]
    assert [trace_digest(load_trace(path)) for path in files] == list(some.values())

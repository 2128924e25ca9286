"""LLM-SQL offers its tables changed: more rows, neighbours, other names of the columns."""

from __future__ import annotations

from dataclasses import replace

import pytest

from thekla.core.errors import ProblemError
from thekla.core.problem import Instance, Split
from thekla.core.program import Program
from thekla.core.protocols import ProblemPackage, Sandbox
from thekla.problems.llm_sql import build
from thekla.problems.llm_sql.star_schema import PROFILES
from thekla.problems.llm_sql.tables import BlockMetric
from thekla.problems.llm_sql.workloads import instance, race_table, scene
from thekla.sandbox import TrustedSandbox
from thekla.testing.spaces import WorkloadSpaceConformance

STAR = instance("star/many-categories/s1000", Split.TRAIN)
RACE = instance("race/reviews/s1000", Split.TRAIN)
BEER = instance("beer/id-name", Split.TRAIN)


class TestWorkloadSpace(WorkloadSpaceConformance):
    def package(self) -> ProblemPackage:
        return build("default")

    def sandbox(self) -> Sandbox:
        return TrustedSandbox()

    def sample(self) -> tuple[Instance, ...]:
        return (STAR,)

    def honest(self) -> Program:
        return next(each.program for each in self.package().baselines if each.name == "statistics" and each.program)

    def unchangeable(self) -> tuple[Instance, ...]:
        return (BEER, instance("tiny/trie", Split.TRAIN), *build("public").problem.stages[-1].instances)


def test_a_larger_table_has_more_rows_and_a_cache_for_the_same_share_of_it() -> None:
    larger = build("default").resized(STAR, 3)
    assert larger is not None
    one, three = scene(STAR.id), scene(larger.id)
    assert three.table.rows == 3 * one.table.rows
    assert {each.name for each in three.table.columns} == {each.name for each in one.table.columns}
    for each in (one, three):
        assert isinstance(each.metric, BlockMetric)
        assert each.metric.capacity == int(PROFILES["many-categories"].cache * each.total)


def test_sizes_beyond_the_limits_are_not_offered() -> None:
    package = build("default")
    assert package.resized(STAR, 10) == instance(f"{STAR.id}/x10", Split.TRAIN)
    assert package.resized(STAR, 11) is package.resized(STAR, 1.5) is package.resized(RACE, 10) is None
    for id in ("star/reviews/s1/x1", "star/reviews/s1/first100/x2", "tiny/trie/x2", "race/reviews/s1/renamed1"):
        with pytest.raises(ProblemError):
            instance(id, Split.TRAIN)


def test_every_table_of_a_larger_race_is_larger() -> None:
    package = build("speed")
    larger, near = package.resized(RACE, 2), package.varied(RACE, seed=1)
    assert larger is not None
    assert near is not None
    assert {race_table(larger.id, turn).rows for turn in range(2)} == {2 * PROFILES["reviews"].rows}
    assert package.relabelled(RACE, seed=1) is None
    kinds = {each.id.split("/")[1] for seed in range(40) if (each := package.varied(RACE, seed=seed)) is not None}
    assert kinds == {each.id.split("/")[1] for each in package.problem.instances[Split.TRAIN]}


def test_other_names_say_nothing_of_the_columns_and_change_no_anchor() -> None:
    renamed = build("default").relabelled(STAR, seed=4)
    assert renamed is not None
    before, after = scene(STAR.id), scene(renamed.id)
    assert [replace(each, name="") for each in before.table.columns] == [
        replace(each, name="") for each in after.table.columns
    ]
    assert {each.name for each in after.table.columns} == {f"column{n}" for n in range(len(after.table.columns))}
    assert (before.total, before.original, before.bound) == (after.total, after.original, after.bound)
    assert build("default").relabelled(renamed, seed=4) is None

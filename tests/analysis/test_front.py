"""The front of a run: feasible programs that none beats on all objectives, in the terminal, as data and as a figure."""

from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from thekla.analysis import RunView, read_run
from thekla.analysis.description import describe
from thekla.analysis.front import front_of, list_front
from thekla.analysis.report.front import front_svg
from thekla.analysis.report.html import command_of, render_html
from thekla.analysis.report.markdown import render_markdown
from thekla.core.evaluation import Scored
from thekla.core.problem import Constraint, Objective
from thekla.core.program import Program
from thekla.testing.journals import OBJECTIVE, JournalBuilder, scored, settings

NODES = Objective(name="complexity", unit="nodes", direction="minimize", source="program")
TRACES = [f"train/trace{place:02d}" for place in range(8)]


def outcome(latency: float, nodes: float) -> Scored:
    found = scored(dict.fromkeys(TRACES, latency))
    assert isinstance(found, Scored)
    return replace(found, scores={**found.scores, NODES.name: nodes})


def view(*constraints: Constraint, objectives: tuple[Objective, ...] = (OBJECTIVE, NODES)) -> RunView:
    journal = JournalBuilder()
    journal.state(settings(objectives=objectives, constraints=constraints))
    journal.seed(Program.from_text("x = 0\n"), outcome(900.0, 10.0))
    for number, (latency, nodes) in enumerate([(100.0, 90.0), (120.0, 40.0), (120.0, 60.0), (100.0, 90.0)]):
        journal.try_program(f"t{number}", Program.from_text(f"x = {number + 1}\n"), outcome(latency, nodes))
    return read_run(journal.events, journal.blob)


def ids(found: RunView) -> list[str]:
    return [str(point.candidate.id) for point in front_of(found)]


def test_the_front_has_what_none_beats_best_first() -> None:
    assert ids(view()) == ["t0", "t1", "seed-0"]
    assert ids(view(objectives=(OBJECTIVE,))) == ["t0"]


def test_an_infeasible_program_is_neither_on_the_front_nor_the_best() -> None:
    simple = Constraint(name="complexity", sense="at_most", limit=50.0)
    found = view(simple)
    assert ids(found) == ["t1", "seed-0"]
    assert found.best is not None
    assert found.best.id == "t1"
    assert [point.candidate for point in found.curve] == ["seed-0", "t1"]
    assert "violate" not in list_front(view()).table.note
    assert "3 scored programs violate a constraint" in list_front(found).table.note


def test_show_and_reports_have_the_front_where_several_objectives_count() -> None:
    described = describe(view())
    assert [table.title for table in described.tables][-1] == "Front"
    assert [point["candidate"] for point in described.data["front"]] == ["t0", "t1", "seed-0"]  # type: ignore[union-attr, index, call-overload]  # plain data
    assert "## Front" in render_markdown(view(), run="queue-7")
    assert 'id="front"' in render_html(view(), run="queue-7")
    lone = view(objectives=(OBJECTIVE,))
    assert "Front" not in [table.title for table in describe(lone).tables]
    assert 'id="front"' not in render_html(lone, run="queue-7")


def test_the_figure_marks_each_program_of_the_front_and_is_well_formed() -> None:
    svg = str(front_svg(view(Constraint(name="complexity", sense="at_most", limit=50.0))))
    ElementTree.fromstring(svg)
    assert len(re.findall('class="mark"', svg)) == 2
    assert len(re.findall('class="rung"', svg)) == 3  # a cross for what is infeasible


def test_without_a_feasible_program_there_is_no_figure() -> None:
    found = view(Constraint(name="complexity", sense="at_most", limit=1.0))
    assert ids(found) == []
    assert front_svg(found) == ""
    assert found.best is not None  # the one that violates least
    assert found.best.id == "seed-0"


@pytest.mark.parametrize("text", ["--constraint", "complexity<=50.0", "lexicographic"])
def test_the_command_of_a_report_has_the_constraints(text: str) -> None:
    found = view(Constraint(name="complexity", sense="at_most", limit=50.0))
    assert text in command_of(replace(found, settings=replace(found.settings, order="lexicographic")))

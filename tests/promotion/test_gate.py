"""The gate finds what a score hides: ballast, borrowed ideas, learnt instances, workloads that break a program.

Programs here are judged in this process: a program defines `answer(size, name)`, and its cost is what it returns.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace

import pytest

from thekla.core.evaluation import Failed, FailureKind, InstanceResult, Outcome, Scored, Usage, fold_results
from thekla.core.problem import Instance, Objective, Split
from thekla.core.program import Program
from thekla.core.values import digest_of
from thekla.promotion import Check, Effort, Promotion, Rivals, promote, render_html, render_markdown
from thekla.promotion.adversary import adversary
from thekla.promotion.gate import Grounds
from thekla.promotion.report import answer_of, data_of
from thekla.promotion.scaling import scaling
from thekla.promotion.simplification import simplified

COST = Objective(name="cost", unit="s", direction="minimize")
BASELINE = Program.from_text("def answer(size, name):\n    cost = size * 2.0\n    return cost\n")
WINNER = Program.from_text(
    '''def answer(size, name):
    """Half of the baseline's cost."""
    unused = [size, name]
    cost = size * 1.0
    cost -= 0.25 * size if size > 1 else 0.0
    if name == "nobody":
        cost = cost + 1
    return cost
'''
)


def instance(size: float, name: str = "x") -> Instance:
    id = f"{size:g}/{name}"
    return Instance(id=id, split=Split.TRAIN, digest=digest_of(id))


KNOWN = [instance(10.0 + place, f"known{place}") for place in range(4)]
FRESH = [instance(20.0 + place, f"fresh{place}") for place in range(8)]
DRAWN = [instance(30.0 + place, f"drawn{place}") for place in range(6)]


async def judge(program: Program, instances: Sequence[Instance]) -> Outcome:
    """Runs the program here; a statement of its text costs a millisecond."""
    results = {}
    cost = Usage(cpu_s=0.001 * len(program.text.splitlines()), peak_memory_mb=10.0)
    for one in instances:
        size, name = one.id.split("/")
        namespace: dict[str, object] = {}
        try:
            exec(program.text, namespace)
            score = float(namespace["answer"](float(size), name))  # type: ignore[operator]  # a function, or it fails
        except Exception as error:  # border: a candidate's code
            return Failed(kind=FailureKind.CRASH, stage="test", message=repr(error), cost=cost)
        results[one.id] = InstanceResult(scores={"cost": score})
    return fold_results((COST,), results, stage="test", tier="trusted", cost=cost)


class Space:
    """Sizes that multiply, neighbours that are a little larger, and other names (`core.protocols.WorkloadSpace`)."""

    def resized(self, one: Instance, factor: float) -> Instance | None:
        size, name = one.id.split("/")
        return instance(float(size) * factor, name)

    def varied(self, one: Instance, *, seed: int) -> Instance | None:
        size, name = one.id.split("/")
        return instance(float(size) * (1.0 + seed % 7 / 10), name)

    def relabelled(self, one: Instance, *, seed: int) -> Instance | None:
        return instance(float(one.id.split("/")[0]), f"other{seed}")


def rivals(text: str = "", **known: Program) -> Rivals:
    program = Program.from_text(text) if text else WINNER
    return Rivals(program=program, baseline=BASELINE, baseline_name="rule", objective=COST, known=known)


def gate(of: Rivals, space: Space | None = None, drawn: Sequence[Instance] = DRAWN) -> Promotion:
    grounds = Grounds(known=KNOWN, fresh=FRESH, drawn=drawn, space=space or Space())
    return asyncio.run(promote(of, judge, grounds, effort=Effort(), seed=1))


def check(promotion: Promotion, name: str) -> Check:
    return next(each for each in promotion.checks if each.name == name)


def test_an_honest_program_passes_and_comes_out_without_its_ballast() -> None:
    promotion = gate(rivals(other=Program.from_text("import heapq\n\ndef answer(s, n):\n    return heapq.merge(s)\n")))
    assert [(each.name, each.passed) for each in promotion.checks if each.passed is not True] == []
    assert answer_of(promotion) == "Promoted: it passed every check against rule that could be made."
    text = dict(promotion.simplified.files)["program.py"]
    assert "unused" not in text
    assert "nobody" not in text
    assert "Half of the baseline's cost" in text, "a docstring is no ballast"
    assert "0.25 * size" in text
    ablated = check(promotion, "ablation").data
    assert isinstance(ablated, list)
    losses = {row["text"]: row for row in ablated if isinstance(row, dict)}
    assert losses["cost -= 0.25 * size if size > 1 else 0.0"]["loss"] == pytest.approx(1 / 3)
    assert losses["cost = size * 1.0"]["failed"] == "crash"


def test_a_program_that_knows_its_instances_by_name_is_found_out() -> None:
    learnt = "def answer(size, name):\n    return size * (0.5 if name.startswith('known') else 1.999)\n"
    promotion = gate(rivals(learnt))
    assert check(promotion, "variants").passed is False
    assert "other names" in check(promotion, "variants").summary
    assert answer_of(promotion).startswith("Not promoted: it failed variants")


def test_a_program_that_breaks_on_large_or_rare_workloads_is_found_out() -> None:
    large = "def answer(size, name):\n    return size * 1.5 if size < 60 else size ** 2\n"
    promotion = gate(rivals(large))
    assert check(promotion, "fresh instances").passed is True
    assert check(promotion, "scaling").passed is False
    assert check(promotion, "adversary").passed is False, "mutation finds what the drawn workloads do not show"
    crashing = "def answer(size, name):\n    return size * 1.5 if size < 60 else 1 / 0\n"
    promotion = gate(rivals(crashing))
    assert check(promotion, "scaling").passed is False
    assert "fails" in check(promotion, "adversary").summary
    json.dumps(data_of(promotion), allow_nan=False)


def test_mutation_walks_towards_what_random_workloads_miss() -> None:
    text = "def answer(size, name):\n    return size * 1.5 if size < 60 else size * (1 + size / 100)\n"
    drawn = asyncio.run(adversary(rivals(text), judge, DRAWN, Space(), mutations=0, seed=3))
    mutated = asyncio.run(adversary(rivals(text), judge, DRAWN, Space(), mutations=40, seed=3))
    assert (drawn.passed, mutated.passed) == (True, False)
    assert "The problem declares no neighbours" in drawn.summary


def test_a_known_program_under_other_names_is_no_discovery() -> None:
    renamed = BASELINE.text.replace("cost", "price").replace("2.0", "1.0")
    promotion = gate(rivals(renamed, rule=BASELINE))
    assert check(promotion, "rediscovery").passed is False
    assert check(promotion, "fresh instances").passed is True


def test_what_a_problem_does_not_declare_is_not_made_and_stops_nobody() -> None:
    grounds = Grounds(known=KNOWN, fresh=FRESH, drawn=DRAWN)
    promotion = asyncio.run(promote(rivals(), judge, grounds, effort=Effort(), seed=1))
    skipped = [each.name for each in promotion.checks if each.passed is None]
    assert skipped == ["scaling", "rediscovery", "variants"]
    assert promotion.passed
    assert answer_of(promotion).endswith("could be made; not made: scaling, rediscovery, variants.")


def test_no_better_than_the_baseline_is_no_discovery() -> None:
    assert check(gate(rivals(BASELINE.text)), "fresh instances").passed is False


def test_without_a_lead_nothing_is_said_to_be_kept() -> None:
    promotion = gate(rivals("def answer(size, name):\n    return size * 3.0\n"))
    for name in ("scaling", "variants"):
        assert check(promotion, name).passed is None
        assert "keep" in check(promotion, name).summary
    assert answer_of(promotion).startswith("Not promoted: it failed fresh instances, adversary")


def test_cpu_time_that_grows_with_size_is_fitted() -> None:
    async def quadratic(program: Program, instances: Sequence[Instance]) -> Outcome:
        outcome = await judge(program, instances)
        assert isinstance(outcome, Scored)
        (size,) = (float(one.id.split("/")[0]) for one in instances)
        return replace(outcome, cost=Usage(cpu_s=1e-4 * size**2))

    found = asyncio.run(scaling(rivals(), quadratic, KNOWN[:2], Space()))
    assert found.passed is True
    assert "about as size to the power of 2.00" in found.summary
    assert isinstance(found.data, list)
    assert len(found.data) == 8


def test_simplification_stops_at_its_budget_and_says_so() -> None:
    tried = []

    async def holds(text: str) -> bool:
        tried.append(text)
        return "needed" in text

    text = "def answer():\n" + "".join(f"    x{place} = {place}\n" for place in range(20)) + "    needed = 1\n"
    whole = asyncio.run(simplified(text, holds, most_tries=1000))
    assert whole.text == "def answer():\n    needed = 1\n"
    assert whole.complete
    assert whole.tries == len(tried) == len(set(tried)) < 30, "halves first: far fewer tries than pairs of statements"
    short = asyncio.run(simplified(text, holds, most_tries=2))
    assert (short.tries, short.complete) == (2, False)


def test_a_tolerance_allows_to_give_up_what_hardly_matters() -> None:
    text = "def answer(size, name):\n    cost = size\n    cost -= size / 200\n    return cost\n"
    for tolerance, kept in ((0.0, True), (0.01, False)):
        grounds = Grounds(known=KNOWN, fresh=FRESH, drawn=DRAWN)
        effort = Effort(tolerance=tolerance)
        found = asyncio.run(promote(rivals(text), judge, grounds, effort=effort, seed=1))
        assert ("size / 200" in found.simplified.text) is kept


def test_the_reports_hold_every_check_and_nothing_active() -> None:
    hostile = WINNER.text + "# </pre><script>alert(1)</script> \x1b[31m ```\n"
    promotion = gate(rivals(hostile))
    html = render_html(promotion, problem="queue", run="<b>r</b>")
    markdown = render_markdown(promotion, problem="queue", run="r")
    assert "<script" not in html
    assert "<b>r" not in html
    assert "\x1b" not in html + markdown
    for each in promotion.checks:
        assert f">{each.name}</h2>" in html
        assert f"| {each.name} |" in markdown
    assert "````python" in markdown
    assert data_of(promotion)["promoted"] is True


@pytest.mark.parametrize("wrong", [{"tolerance": 1.0}, {"tries": -1}, {"factors": ()}])
def test_an_effort_that_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"tolerance|negative number, or no factor"):
        Effort(**wrong)  # type: ignore[arg-type]  # on purpose

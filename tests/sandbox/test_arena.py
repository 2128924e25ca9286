"""No attack of the catalogue gets anything in the default tier, and the arena notices what gets through elsewhere."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from thekla.core.evaluation import Limits
from thekla.sandbox import StrictSandbox, TrustedSandbox
from thekla.testing.arena import JOBS, Arena, evaluator_of, score_of
from thekla.testing.attacks import ATTACKS, Attack

# The limits are for endless programs, so they are short; the grace is for a loaded machine (0.5 s on an idle one).
LIMITS = Limits(wall_s=2.0, cpu_s=0.2, memory_mb=256)
GRACE_S = 4.0


@pytest.fixture(scope="module")
def arena() -> Iterator[Arena]:
    with StrictSandbox() as sandbox, Arena(evaluator_of(sandbox, LIMITS), wall_s=LIMITS.wall_s + GRACE_S) as made:
        yield made


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: f"{attack.category}: {attack.name}")
def test_attack_achieves_nothing(arena: Arena, attack: Attack) -> None:
    assert arena.honest is not None
    assert arena.damage(attack) == []


def test_every_category_has_attacks_and_no_two_have_one_name() -> None:
    assert len(ATTACKS) >= 100
    assert len({(attack.category, attack.name) for attack in ATTACKS}) == len(ATTACKS)
    assert min(Counter(attack.category for attack in ATTACKS).values()) >= 5


def test_table_of_the_documentation_is_that_of_the_catalogue() -> None:
    page = (Path(__file__).parents[2] / "docs/explanation/sandbox.md").read_text("utf-8")
    rows = re.findall(r"^\| ([a-z ]+) \| (\d+) \| \D", page, re.MULTILINE)
    assert {name: int(count) for name, count in rows} == Counter(attack.category for attack in ATTACKS)


HARMLESS_HERE = {
    "environment", "file of credentials", "TCP", "UDP", "new file", "renaming", "jobs made lighter",
    "lottery of the operating system", "unix socket in a folder",
}  # fmt: skip


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # attacks leave their sockets open
def test_arena_sees_what_gets_through_where_there_is_no_sandbox() -> None:
    """These attacks do no harm to this process beyond their evaluation."""
    with TrustedSandbox() as trusted, Arena(evaluator_of(trusted, LIMITS), wall_s=5.0) as arena:
        damage = {attack.name: arena.damage(attack) for attack in ATTACKS if attack.name in HARMLESS_HERE}
    assert set(damage) == HARMLESS_HERE
    # The trusted tier, too, keeps its own copy of the jobs.
    assert {name for name, found in damage.items() if not found} == {"jobs made lighter"}
    assert damage["environment"] == damage["file of credentials"] == ["told a secret"]
    assert damage["TCP"] == damage["unix socket in a folder"] == ["reached a socket"]
    assert "changed" in damage["new file"][0]
    assert damage["lottery of the operating system"] == ["its score is a matter of luck"]


def test_score_is_one_for_the_best_order_and_none_for_what_is_no_order() -> None:
    assert score_of(sorted(range(8), key=lambda i: JOBS[i][0] / JOBS[i][1])) == 1.0
    assert 0.0 < (score_of(list(range(8))) or 0.0) < 1.0
    for wrong in ([0] * 8, [0, 1], list("01234567"), [True, 0, 2, 3, 4, 5, 6, 7], None, tuple(range(8))):
        assert score_of(wrong) is None

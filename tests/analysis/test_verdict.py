"""A verdict claims no more than the instances show."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from thekla.analysis import read_run
from thekla.analysis.verdict import LEVEL, Verdict, Word, verdict
from thekla.core.errors import ConfigError
from thekla.core.journal import Closed, Frozen, HoldoutOpened, Judged, Stopping
from thekla.core.problem import Baseline, Split
from thekla.core.program import CandidateId, Program
from thekla.core.rng import stream
from thekla.core.values import digest_of
from thekla.testing.journals import JournalBuilder, instances_of, scored, settings

RULE = """
def schedule(pools, queue):
    queue.sort(key=lambda item: (item.priority, item.arrival))
    for pipeline in list(queue):
        pool = max(pools, key=lambda pool: pool.free_cpus)
        if pool.free_cpus >= 1:
            yield pipeline, pool, min(pool.free_cpus, 4), pool.free_memory_gb / 8
"""
OTHER = "def schedule(pools, queue):\n    return [(queue.pop(), pool, 1, 2.0) for pool in pools if queue]\n"
SEED = "def schedule(pools, queue):\n    return []\n"
SIZES = {Split.TRAIN: 8, Split.VALIDATION: 6}
Scores = Callable[[Split, int], float]


def weight(split: Split, place: int) -> float:
    """The latency of the known rule, which differs much between instances."""
    return 100.0 * stream(0, "weight", split, place).lognormvariate(0.0, 0.6)


def times(factor: float, noise: float = 0.02) -> Scores:
    """Latencies of a program that is `factor` times the rule's everywhere, but for a little noise."""
    return lambda split, place: (
        weight(split, place) * factor * (1 + stream(1, split, place, str(factor)).gauss(0, noise))
    )


def judged(winner: Scores, text: str = OTHER, *, closed: bool = True, heldout: int = 10) -> Verdict:
    """The verdict on a run whose winner has these latencies; the seed's are ten times the rule's."""
    sizes, journal = {**SIZES, Split.HOLDOUT: heldout}, JournalBuilder()
    rule = Baseline(name="priority", role="rule", program=Program.from_text(RULE))
    members = {str(split): instances_of(split, sizes[split]) for split in (Split.TRAIN, Split.VALIDATION)}
    journal.state(settings(instances=members, baselines=(rule,), published={}))
    rows: dict[str, Scores] = {"s0": times(10.0), "priority": weight, "t0": winner}

    def outcome(name: str, split: Split) -> Mapping[str, float]:
        return {one.id: rows[name](split, place) for place, one in enumerate(instances_of(split, sizes[split]))}

    journal.seed(Program.from_text(SEED), scored(outcome("s0", Split.TRAIN)), ticket="s0")
    found = Program.from_text(text)
    journal.try_program("t0", found, scored(outcome("t0", Split.TRAIN)), parents=["s0"])
    if closed:
        journal.state(Stopping(reason="evaluations"))
        journal.state(Frozen(finalists=(CandidateId("t0"),)))
        journal.state(HoldoutOpened(key=digest_of("key"), instances=instances_of(Split.HOLDOUT, heldout)))
        for split in sizes:
            for name, role in (("s0", "seed"), ("priority", "rule"), ("t0", "winner")):
                ended = scored(outcome(name, split))
                journal.state(Judged(name=name, role=role, split=split, program=None, outcome=ended))
        journal.state(Closed(winner=CandidateId("t0")))
    return verdict(read_run(journal.events, journal.blob))


def overfitted(split: Split, place: int) -> float:
    return times(0.5 if split is Split.TRAIN else 0.98, 0.15)(split, place)


def lucky(split: Split, place: int) -> float:
    """Much better on one instance, hardly on the others."""
    factor = 0.9 if split is not Split.HOLDOUT else 0.1 if place == 3 else 0.9995 if place % 3 else 1.0005
    return weight(split, place) * factor


def worse_on_validation(split: Split, place: int) -> float:
    return times(1.4 if split is Split.VALIDATION else 0.8)(split, place)


@pytest.mark.parametrize(
    ("winner", "word"),
    [
        (times(0.8), "improved"),
        (times(0.8, 0.6), "within noise"),
        (times(1.5), "not improved"),
        (overfitted, "overfit"),
        (worse_on_validation, "fragile"),
        (weight, "rediscovered"),
    ],
)
def test_the_word_follows_from_what_the_instances_show(winner: Scores, word: Word) -> None:
    found = judged(winner)
    assert (found.word, found.rival, found.split) == (word, "priority", Split.HOLDOUT)
    assert [claim.rival for claim in found.claims] == ["priority", "seed"]
    assert found.claims[0].better == (word in ("improved", "fragile"))
    assert len(found.reasons) >= 3


def test_a_gain_that_hangs_on_one_instance_is_never_called_improved() -> None:
    assert judged(lucky).word in ("fragile", "within noise", "overfit")


def test_a_known_program_under_other_names_is_rediscovered_however_well_it_scores() -> None:
    renamed = RULE.replace("pipeline", "job").replace("/ 8", "/ 7").replace("item", "it")
    found = judged(times(0.8), renamed)
    assert found.word == "rediscovered"
    assert found.alike[0].structure == 1.0 > found.alike[0].tokens


def test_few_instances_are_said_to_be_few() -> None:
    found = judged(times(0.8), heldout=4)
    assert found.word == "within noise"
    assert "With 4 instances no difference could be." in found.reasons[0]
    assert found.claims[0].p > LEVEL


def test_a_run_without_an_end_has_no_verdict() -> None:
    with pytest.raises(ConfigError, match="finish it first"):
        judged(times(0.8), closed=False)

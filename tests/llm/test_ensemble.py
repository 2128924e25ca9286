"""Models get tickets by fixed shares, or by what they have earned."""

from __future__ import annotations

from collections import Counter

from thekla.llm import Ensemble, Member, ModelSettings
from thekla.testing.models import ScriptedModel


def ensemble() -> Ensemble:
    settings = [
        ModelSettings(model="llamacpp:small"),
        ModelSettings(model="llamacpp:large", role="leap"),
        ModelSettings(model="llamacpp:mender", role="repair"),
    ]
    return Ensemble([Member(settings=one, model=ScriptedModel([])) for one in settings])


def drawn(credit: dict[str, tuple[float, float]], *, role: str = "") -> Counter[str]:
    chosen = ensemble()
    return Counter(chosen.choose_by_credit(credit, seed=seed, role=role).settings.name for seed in range(400))


def test_the_bandit_gives_most_tickets_to_the_model_that_improves_most() -> None:
    found = drawn({"refine small": (60.0, 3.0), "leap large": (60.0, 21.0)})
    assert found["large"] > 390


def test_the_bandit_tries_models_of_which_little_is_known() -> None:
    found = drawn({"refine small": (60.0, 12.0)})
    assert found["large"] > 200
    even = drawn({})
    assert abs(even["small"] - even["large"]) < 80


def test_the_bandit_leaves_repairs_and_asked_for_roles_alone() -> None:
    assert drawn({"refine small": (9.0, 9.0)}, role="leap") == {"large": 400}
    assert "mender" not in drawn({})


def test_equal_seeds_choose_equally() -> None:
    credit = {"refine small": (10.0, 2.0), "leap large": (5.0, 1.0)}
    chosen = [ensemble().choose_by_credit(credit, seed=7).settings.name for _ in range(3)]
    assert len(set(chosen)) == 1

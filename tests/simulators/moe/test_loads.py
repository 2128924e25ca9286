"""Loads have the deviations and correlations that they are made of, and the public log is read by windows."""

import json
from pathlib import Path

import numpy as np
import pytest

from thekla.simulators.moe import LoadModel, Phase, read_log, windows

TOKENS = 10_000_000


def model(**change: object) -> LoadModel:
    settings: dict[str, object] = {
        "layers": 40,
        "experts": 64,
        "group_size": 8,
        "spread": 1.0,
        "group_spread": 0.5,
        "fields": {"A": 1.0, "B": 0.6},
        "phases": (
            Phase(field="A", windows=2, noise=0.1, tokens=TOKENS),
            Phase(field="B", windows=1, noise=0.1, tokens=TOKENS),
        ),
    }
    return LoadModel(**(settings | change))  # type: ignore[arg-type]  # one of each type


def logs(load: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    centred = np.log(np.maximum(load, 1))
    return np.asarray(centred - centred.mean(axis=1, keepdims=True))


def test_tokens_are_as_many_as_asked_for_in_every_layer() -> None:
    assert all((load.sum(axis=1) == TOKENS).all() for load in windows(model(), 3))


def test_equal_seeds_give_equal_loads_and_others_do_not() -> None:
    one, again, other = (windows(model(), seed) for seed in (3, 3, 4))
    assert all((a == b).all() for a, b in zip(one, again, strict=True))
    assert not (one[0] == other[0]).all()


def test_deviation_noise_and_correlation_are_those_of_the_model() -> None:
    first, second, shifted = (logs(load) for load in windows(model(), 5))
    # 40 x 64 draws: a standard error of 1.4 %, of the correlation 1.3 %; five of them are allowed.
    assert np.std(first) == pytest.approx(np.sqrt(1 + 0.25 + 0.01), rel=0.07)
    assert np.std(second - first) == pytest.approx(np.sqrt(2) * 0.1, rel=0.07)
    # Groups are few, so what they share is correlated less sharply.
    assert np.corrcoef(first.ravel(), shifted.ravel())[0, 1] == pytest.approx(0.6, abs=0.08)


def test_experts_of_a_group_resemble_each_other() -> None:
    load = logs(windows(model(spread=0.1), 6)[0])
    groups = load.reshape(40, 8, 8)
    assert groups.mean(axis=2).std() > 3 * (groups - groups.mean(axis=2, keepdims=True)).std() / np.sqrt(8)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"group_size": 7}, "groups of 7"),
        ({"fields": {"A": 0.5, "B": 0.6}}, "first"),
        ({"fields": {"A": 1.0, "B": 1.6}}, "all"),
        ({"fields": {"A": 1.0}}, "phases use fields"),
    ],
)
def test_a_model_out_of_range_is_refused(change: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        model(**change)


def test_a_log_is_summed_by_windows_and_its_rest_left_out(tmp_path: Path) -> None:
    path = tmp_path / "log.json"
    steps = [{"logical_expert_load": [[step, 1], [2, step]]} for step in range(7)]
    path.write_text(json.dumps({"load_history": steps}), encoding="utf-8")
    found = read_log(path, steps_per_window=3)
    assert [load.tolist() for load in found] == [[[3, 3], [6, 3]], [[12, 3], [6, 12]]]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[]", "is no load log"),
        ('{"load_history": [3]}', "is no load log"),
        ('{"load_history": []}', "a window needs 100"),
    ],
)
def test_what_is_no_log_is_refused(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "log.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=words):
        read_log(path)

"""Loads of experts, window by window: a model calibrated to published figures, and the reader of the public log.

Log loads of the experts of a layer are normal, with a part that neighbours in a group share. A *phase* keeps one such
field; the field of a later phase is correlated with an earlier one, as when the mix of requests shifts. Every window
adds fresh noise, and tokens are multinomial.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = ["LoadModel", "Phase", "read_log", "windows"]

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Phase:
    """Some windows in a row that share a field.

    Args:
        noise: Standard deviation of the log load that is fresh in every window.
        tokens: Tokens per layer and window.
    """

    field: str
    windows: int
    noise: float
    tokens: int


@dataclass(frozen=True, kw_only=True)
class LoadModel:
    """How loads come about.

    Args:
        group_size: Experts that share a part of their log load.
        spread, group_spread: Standard deviations of the part of one expert, and of the shared part.
        fields: By name, how each field is correlated with the first one, which is named first and has 1. They are
            drawn in this order.
        phases: In order of time.

    Raises:
        ValueError: A phase has no field, or a correlation is out of range.
    """

    layers: int
    experts: int
    group_size: int
    spread: float
    group_spread: float
    fields: Mapping[str, float]
    phases: tuple[Phase, ...]

    def __post_init__(self) -> None:
        if self.experts % self.group_size:
            raise ValueError(f"{self.experts} experts cannot be split into groups of {self.group_size}")
        if next(iter(self.fields.values()), 0.0) != 1 or not all(-1 <= each <= 1 for each in self.fields.values()):
            raise ValueError(f"fields are correlated {dict(self.fields)} with the first; that one needs 1, all [-1, 1]")
        unknown = {phase.field for phase in self.phases} - set(self.fields)
        if unknown:
            raise ValueError(f"phases use fields {sorted(unknown)}; known are {list(self.fields)}")


def windows(model: LoadModel, seed: int) -> list[Integers]:
    """Tokens by layer and expert, window by window; equal seeds give equal loads."""
    rng = np.random.default_rng(seed)
    first: Floats | None = None
    fields: dict[str, Floats] = {}
    for name, correlation in model.fields.items():
        drawn = _field(model, rng)
        first = drawn if first is None else first
        fields[name] = first if drawn is first else correlation * first + np.sqrt(1 - correlation**2) * drawn
    found = []
    for phase in model.phases:
        for _ in range(phase.windows):
            logits = fields[phase.field] + rng.normal(0, phase.noise, (model.layers, model.experts))
            weights = np.exp(logits)
            shares = weights / weights.sum(axis=1, keepdims=True)
            found.append(np.array([rng.multinomial(phase.tokens, row) for row in shares], dtype=np.int64))
    return found


def _field(model: LoadModel, rng: np.random.Generator) -> Floats:
    own = rng.normal(0, model.spread, (model.layers, model.experts))
    shared = rng.normal(0, model.group_spread, (model.layers, model.experts // model.group_size))
    return own + np.repeat(shared, model.group_size, axis=1)


def read_log(path: Path, *, steps_per_window: int = 100) -> list[Integers]:
    """The windows of a public log: sums over so many steps each; an incomplete last one is left out.

    The file is JSON, ``{"load_history": [{"logical_expert_load": [[tokens of each expert] of each layer]} of each
    step]}``, as the servers of vLLM write it.

    Raises:
        ValueError: The file does not look so, or holds less than one window.
    """
    history = _history(json.loads(path.read_text(encoding="utf-8")), path)
    if len(history) < steps_per_window:
        raise ValueError(f"{path} has {len(history)} steps; a window needs {steps_per_window}")
    steps = np.array(history, dtype=np.int64)
    if steps.ndim != 3 or steps.min() < 0:
        raise ValueError(f"{path} has steps of shape {steps.shape[1:]}; expected counts by layer and expert")
    whole = len(steps) // steps_per_window
    summed = steps[: whole * steps_per_window].reshape(whole, steps_per_window, *steps.shape[1:]).sum(axis=1)
    return list(summed)


def _history(data: object, path: Path) -> Sequence[object]:
    steps = data.get("load_history") if isinstance(data, dict) else None
    if not isinstance(steps, list) or not all(isinstance(each, dict) for each in steps):
        raise ValueError(f"{path} is no load log; expected an object with a list 'load_history' of objects")
    return [each.get("logical_expert_load") for each in steps]

"""What the lakehouse's commands know by name."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

from thekla.assembly.lakehouse.inputs import REST
from thekla.problems.lakehouse import build
from thekla.simulators.lakehouse import BUILTIN_POLICIES, ORACLE_POLICIES, SUITES, Calls, Compat, policy_source

__all__ = ["LakehouseNames", "lakehouse_names"]

_ESTIMATORS = {"noisy": "each operator's true peak of memory times a log-normal factor (noisy_estimator_sigma)"}
_COMPAT = {
    "thekla": "corrected rules, the default",
    "eudoxia-pin": "Eudoxia at 84214231, which the published loop used, defects included",
    "eudoxia-cur": "Eudoxia at c62122c, defects included",
}
_REST = {REST: "A scheduler of your own behind rest_scheduler_addr, asked by Eudoxia's REST protocol."}
_CALLS = {
    "events": "when something happened or the policy asked, the default",
    "exact": "on every tick, as in Eudoxia",
    "auto": "on every tick on which it is not known that the call would change nothing",
}


@dataclass(frozen=True, kw_only=True)
class LakehouseNames:
    """Names with a line on each.

    Args:
        oracles: Policies that are told the truth, for scale.
        trace_suites: Named sets of trace files.
        suites: Suites of the problem `lakehouse`.
    """

    policies: Mapping[str, str]
    oracles: Mapping[str, str]
    estimators: Mapping[str, str]
    compat: Mapping[str, str]
    calls: Mapping[str, str]
    trace_suites: Mapping[str, str]
    suites: Mapping[str, str]


def lakehouse_names() -> LakehouseNames:
    """Everything that can be named."""
    return LakehouseNames(
        policies={**{name: _first_sentence(policy_source(name)) for name in BUILTIN_POLICIES}, **_REST},
        oracles={name: _first_sentence(policy_source(name)) for name in ORACLE_POLICIES},
        estimators=_ESTIMATORS,
        compat={name: _COMPAT[name] for name in get_args(Compat)},
        calls={name: _CALLS[name] for name in get_args(Calls)},
        trace_suites=SUITES,
        suites=build().suites,
    )


def _first_sentence(source: str) -> str:
    doc = ast.get_docstring(ast.parse(source)) or ""
    return doc.partition("\n\n")[0].replace("\n", " ")

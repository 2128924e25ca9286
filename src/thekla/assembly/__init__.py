"""The one place that names concrete classes: options in, running parts out.

Every command of the line, and every other window on the house, goes through the functions here.

A function's module is imported when somebody first asks for the function: a command pays for its own parts only.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from thekla.analysis.description import Description
    from thekla.analysis.front import FrontListing
    from thekla.analysis.statistics import Interval
    from thekla.analysis.tables import Table
    from thekla.analysis.verdict import Verdict
    from thekla.assembly.auditing import audit, audit_data, write_audit
    from thekla.assembly.authoring.linting import LintRow, lint
    from thekla.assembly.authoring.making import KINDS, new_problem
    from thekla.assembly.counter import Counter, Heard, Offer, RunState
    from thekla.assembly.data import DataRow, data_sets, fetch_data
    from thekla.assembly.demonstration import DemoResult, demo
    from thekla.assembly.diagnosis import DoctorReport, DoctorRow, DoctorSection, doctor
    from thekla.assembly.forecasting import Forecast, forecast
    from thekla.assembly.gallery import LadderRow, ProblemRow, evaluate, ladder, problems
    from thekla.assembly.helm import Listing, fork, inject, pause, steer_line, steering
    from thekla.assembly.judgement import Comparison, compare, verdict
    from thekla.assembly.laboratory import bench_ablation, bench_strategies, write_figure
    from thekla.assembly.options import RunOptions, load_options
    from thekla.assembly.outside import ask, attend, read_program, reply_of, state, stop, tell
    from thekla.assembly.piloting import Pilot, pilot
    from thekla.assembly.promotion import PromotionResult, promote
    from thekla.assembly.prompts import prompt
    from thekla.assembly.reading import RunRow, describe, diff, front, list_runs, program, view, write_report
    from thekla.assembly.replaying import replay
    from thekla.assembly.sessions import RunResult, resume, run
    from thekla.audit import AuditReport, Finding, Severity
    from thekla.engine import Observer, Progress
    from thekla.generation.asktell import Reply
    from thekla.laboratory.ablation import Worth
    from thekla.laboratory.summary import PROFILE_FACTORS, Standing, Summary
    from thekla.promotion import Effort

__all__ = [
    "KINDS",
    "PROFILE_FACTORS",
    "AuditReport",
    "Comparison",
    "Counter",
    "DataRow",
    "DemoResult",
    "Description",
    "DoctorReport",
    "DoctorRow",
    "DoctorSection",
    "Effort",
    "Finding",
    "Forecast",
    "FrontListing",
    "Heard",
    "Interval",
    "LadderRow",
    "LintRow",
    "Listing",
    "Observer",
    "Offer",
    "Pilot",
    "ProblemRow",
    "Progress",
    "PromotionResult",
    "Reply",
    "RunOptions",
    "RunResult",
    "RunRow",
    "RunState",
    "Severity",
    "Standing",
    "Summary",
    "Table",
    "Verdict",
    "Worth",
    "ask",
    "attend",
    "audit",
    "audit_data",
    "bench_ablation",
    "bench_strategies",
    "compare",
    "data_sets",
    "demo",
    "describe",
    "diff",
    "doctor",
    "evaluate",
    "fetch_data",
    "forecast",
    "fork",
    "front",
    "inject",
    "ladder",
    "lint",
    "list_runs",
    "load_options",
    "new_problem",
    "pause",
    "pilot",
    "problems",
    "program",
    "promote",
    "prompt",
    "read_program",
    "replay",
    "reply_of",
    "resume",
    "run",
    "state",
    "steer_line",
    "steering",
    "stop",
    "tell",
    "verdict",
    "view",
    "write_audit",
    "write_figure",
    "write_report",
]

_NAMES_OF = {
    "thekla.analysis.description": ("Description",),
    "thekla.analysis.front": ("FrontListing",),
    "thekla.analysis.statistics": ("Interval",),
    "thekla.analysis.tables": ("Table",),
    "thekla.analysis.verdict": ("Verdict",),
    "thekla.assembly.auditing": (
        "audit",
        "audit_data",
        "write_audit",
    ),
    "thekla.assembly.authoring.linting": (
        "LintRow",
        "lint",
    ),
    "thekla.assembly.authoring.making": (
        "KINDS",
        "new_problem",
    ),
    "thekla.assembly.counter": (
        "Counter",
        "Heard",
        "Offer",
        "RunState",
    ),
    "thekla.assembly.data": (
        "DataRow",
        "data_sets",
        "fetch_data",
    ),
    "thekla.assembly.demonstration": (
        "DemoResult",
        "demo",
    ),
    "thekla.assembly.diagnosis": (
        "DoctorReport",
        "DoctorRow",
        "DoctorSection",
        "doctor",
    ),
    "thekla.assembly.forecasting": (
        "Forecast",
        "forecast",
    ),
    "thekla.assembly.gallery": (
        "LadderRow",
        "ProblemRow",
        "evaluate",
        "ladder",
        "problems",
    ),
    "thekla.assembly.helm": (
        "Listing",
        "fork",
        "inject",
        "pause",
        "steer_line",
        "steering",
    ),
    "thekla.assembly.judgement": (
        "Comparison",
        "compare",
        "verdict",
    ),
    "thekla.assembly.laboratory": (
        "bench_ablation",
        "bench_strategies",
        "write_figure",
    ),
    "thekla.assembly.options": (
        "RunOptions",
        "load_options",
    ),
    "thekla.assembly.outside": (
        "ask",
        "attend",
        "read_program",
        "reply_of",
        "state",
        "stop",
        "tell",
    ),
    "thekla.assembly.piloting": (
        "Pilot",
        "pilot",
    ),
    "thekla.assembly.promotion": (
        "PromotionResult",
        "promote",
    ),
    "thekla.assembly.prompts": ("prompt",),
    "thekla.assembly.reading": (
        "RunRow",
        "describe",
        "diff",
        "front",
        "list_runs",
        "program",
        "view",
        "write_report",
    ),
    "thekla.assembly.replaying": ("replay",),
    "thekla.assembly.sessions": (
        "RunResult",
        "resume",
        "run",
    ),
    "thekla.audit": (
        "AuditReport",
        "Finding",
        "Severity",
    ),
    "thekla.engine": (
        "Observer",
        "Progress",
    ),
    "thekla.generation.asktell": ("Reply",),
    "thekla.laboratory.ablation": ("Worth",),
    "thekla.laboratory.summary": (
        "PROFILE_FACTORS",
        "Standing",
        "Summary",
    ),
    "thekla.promotion": ("Effort",),
}
_HOMES = {name: module for module, names in _NAMES_OF.items() for name in names}
assert sorted(_HOMES) == sorted(__all__)


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(_HOMES[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(__all__)

"""Reads runs: the view of a journal, its ladder and statistics, the words and the report made of them.

The report is in `thekla.analysis.report`; it needs Jinja2, the rest is standard library.
"""

from __future__ import annotations

from thekla.analysis.description import Description, describe
from thekla.analysis.diff import diff_candidates, diff_lines, program_named, unified_diff
from thekla.analysis.ladder import Generalisation, Ladder, Rung, Standing, compare_with_seed, generalisation, ladder
from thekla.analysis.reading import CandidateView, RunView, read_run
from thekla.analysis.statistics import Interval, PairedComparison, bootstrap_interval, compare_paired
from thekla.analysis.wording import Findings, findings

__all__ = [
    "CandidateView",
    "Description",
    "Findings",
    "Generalisation",
    "Interval",
    "Ladder",
    "PairedComparison",
    "RunView",
    "Rung",
    "Standing",
    "bootstrap_interval",
    "compare_paired",
    "compare_with_seed",
    "describe",
    "diff_candidates",
    "diff_lines",
    "findings",
    "generalisation",
    "ladder",
    "program_named",
    "read_run",
    "unified_diff",
]

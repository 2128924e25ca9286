"""The one place that names concrete classes: options in, running parts out.

Every command of the line, and every other window on the house, goes through the functions here.
"""

from thekla.analysis.description import Description
from thekla.analysis.front import FrontListing
from thekla.analysis.statistics import Interval
from thekla.analysis.tables import Table
from thekla.assembly.data import DataRow, data_sets, fetch_data
from thekla.assembly.demonstration import DemoResult, demo
from thekla.assembly.diagnosis import DoctorReport, DoctorRow, DoctorSection, doctor
from thekla.assembly.gallery import LadderRow, ProblemRow, evaluate, ladder, problems
from thekla.assembly.laboratory import bench_ablation, bench_strategies, write_figure
from thekla.assembly.options import RunOptions, load_options
from thekla.assembly.prompts import prompt
from thekla.assembly.reading import RunRow, describe, diff, front, list_runs, program, view, write_report
from thekla.assembly.sessions import RunResult, resume, run
from thekla.engine import Observer, Progress
from thekla.laboratory.ablation import Worth
from thekla.laboratory.summary import PROFILE_FACTORS, Standing, Summary

__all__ = [
    "PROFILE_FACTORS",
    "DataRow",
    "DemoResult",
    "Description",
    "DoctorReport",
    "DoctorRow",
    "DoctorSection",
    "FrontListing",
    "Interval",
    "LadderRow",
    "Observer",
    "ProblemRow",
    "Progress",
    "RunOptions",
    "RunResult",
    "RunRow",
    "Standing",
    "Summary",
    "Table",
    "Worth",
    "bench_ablation",
    "bench_strategies",
    "data_sets",
    "demo",
    "describe",
    "diff",
    "doctor",
    "evaluate",
    "fetch_data",
    "front",
    "ladder",
    "list_runs",
    "load_options",
    "problems",
    "program",
    "prompt",
    "resume",
    "run",
    "view",
    "write_figure",
    "write_report",
]

"""The lakehouse simulator at a command line's reach: files and names in, records and texts out."""

from thekla.analysis.statistics import Interval
from thekla.assembly.lakehouse.comparison import ComparedPolicy, Comparison, compare_policies
from thekla.assembly.lakehouse.drawing import Pictures, draw_timeline
from thekla.assembly.lakehouse.listing import LakehouseNames, lakehouse_names
from thekla.assembly.lakehouse.rates import Sensitivity, lakehouse_sensitivity
from thekla.assembly.lakehouse.running import (
    LakehouseRun,
    class_rows,
    finite,
    generate_workload,
    run_lakehouse,
    write_trace_suite,
)
from thekla.assembly.lakehouse.starter import init_lakehouse

__all__ = [
    "ComparedPolicy",
    "Comparison",
    "Interval",
    "LakehouseNames",
    "LakehouseRun",
    "Pictures",
    "Sensitivity",
    "class_rows",
    "compare_policies",
    "draw_timeline",
    "finite",
    "generate_workload",
    "init_lakehouse",
    "lakehouse_names",
    "lakehouse_sensitivity",
    "run_lakehouse",
    "write_trace_suite",
]

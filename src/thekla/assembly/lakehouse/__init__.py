"""The lakehouse simulator at a command line's reach: files and names in, records and texts out."""

from thekla.assembly.lakehouse.listing import LakehouseNames, lakehouse_names
from thekla.assembly.lakehouse.running import LakehouseRun, generate_workload, run_lakehouse
from thekla.assembly.lakehouse.starter import init_lakehouse

__all__ = [
    "LakehouseNames",
    "LakehouseRun",
    "generate_workload",
    "init_lakehouse",
    "lakehouse_names",
    "run_lakehouse",
]

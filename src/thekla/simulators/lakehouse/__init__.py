"""A lakehouse that runs pipelines of operators in containers, and the policies that schedule them.

Statistics are those of Eudoxia (BauplanLabs/eudoxia), the simulator of the published loop, on the same trace with the
same policy; `compat` names its revision. Only ticks on which something happens are visited.

    >>> from thekla.simulators.lakehouse import builtin_policy, loop_trace, simulate
    >>> result = simulate(loop_trace(burst=0, seed=10), builtin_policy("naive"))
    >>> round(result.statistics.adjusted_latency(), 2)
    9291.5

A policy is any `Scheduler`: `load_policy` makes one of a trusted program in this process; a sandboxed guest runs
`guest_source()` and makes a `PolicySession` of its program, whose `start` and `step` exchange plain data.
"""

from .answers import FaultKind, Message, PolicyFault, Scheduler
from .engine import RunResult, simulate
from .generation import (
    PUBLISHED_SEEDS,
    GeneratorRevision,
    WorkloadParams,
    generate_trace,
    loop_trace,
    published_traces,
)
from .params import Compat, Params
from .policies import BUILTIN_POLICIES, builtin_policy, guest_source, load_policy, policy_source
from .statistics import LATENCY_WEIGHTS, ClassStatistics, Statistics
from .traces import TraceFormatError, read_trace, write_trace
from .workload import OperatorSpec, PipelineSpec, PriorityClass, Trace, Work

__all__ = [
    "BUILTIN_POLICIES",
    "LATENCY_WEIGHTS",
    "PUBLISHED_SEEDS",
    "ClassStatistics",
    "Compat",
    "FaultKind",
    "GeneratorRevision",
    "Message",
    "OperatorSpec",
    "Params",
    "PipelineSpec",
    "PolicyFault",
    "PriorityClass",
    "RunResult",
    "Scheduler",
    "Statistics",
    "Trace",
    "TraceFormatError",
    "Work",
    "WorkloadParams",
    "builtin_policy",
    "generate_trace",
    "guest_source",
    "load_policy",
    "loop_trace",
    "policy_source",
    "published_traces",
    "read_trace",
    "simulate",
    "write_trace",
]

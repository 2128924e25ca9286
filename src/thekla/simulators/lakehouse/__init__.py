"""A lakehouse that runs pipelines of operators in containers, and the policies that schedule them.

The model is that of Eudoxia (BauplanLabs/eudoxia), the simulator of the published loop. With `compat` naming one of its
revisions, every statistic is the original's on the same trace with the same policy; the default, `thekla`, corrects
its defects. Only ticks on which something happens are visited.

    >>> from thekla.simulators.lakehouse import builtin_policy, loop_trace, simulate
    >>> result = simulate(loop_trace(burst=0, seed=10), builtin_policy("naive"), compat="eudoxia-pin")
    >>> round(result.statistics.adjusted_latency(), 2)
    9291.5

A policy is any `Scheduler`: `load_policy` makes one of a trusted program in this process; a sandboxed guest runs
`guest_source()` and makes a `PolicySession` of its program, whose `start` and `step` exchange plain data.

What differs from the original, whatever `compat` says:

* A policy cannot change the truth, and in a guest it does not see it. It is called when something happened or when it
  asked (`s.wake_after(seconds)`). One that only answers to events gives the same run as if it were called on every
  tick, which `calls="exact"` does; `calls="auto"` finds out.
* What kills the original (a bad size, two containers on the same memory, an operator shorter than a tick, an exception
  of the policy) ends the simulation with a `PolicyFault` beside the statistics so far, or is refused (`lenient`).
* Sizes of containers are held to 1e-9 to 1e9 CPUs or GB.
* An assignment to a pool that does not exist is such a fault; the original ignores it and loses its operators.
* Where no container ended, the percentile of lives is NaN, and the adjusted latency infinite where no pipeline
  completed; the original raises.
* Traces with a repeated pipeline id, a negative need or no operator in a pipeline are refused.

Corrected by `thekla` only, because it changes results:

* Arrivals that are written as whole ticks arrive on them, and pipelines listed out of order in time.
* A suspended container's memory leaves the pool's sum at once, and a suspension takes at least a tick.
* An operator takes at least a tick, and a share of a CPU never makes its time negative.
* Free resources and memory in use are summed with one rounding, and a container of an operator's exact peak is enough.
* A pipeline completes with its last operator, not when a container next ends, and is given up on the tick of its age
  limit, not at the next whole second.
"""

from .accounting import Amount, Cause, account
from .answers import RULES, FaultKind, Message, PolicyFault, Scheduler
from .bound import penalised_latency_bound
from .confidence import MeanInterval, mean_interval, paired_interval
from .convert import AlibabaParams, alibaba_trace
from .diagnosis import ClassLoss, Diagnosis, diagnose, faulty_line
from .engine import simulate
from .estimators import Estimator, load_estimator, noisy_estimator
from .generation import (
    PUBLISHED_SEEDS,
    GeneratorRevision,
    WorkloadParams,
    generate_trace,
    loop_trace,
    published_traces,
)
from .guest import guest_source
from .ideal import ideal_ticks
from .lint import Finding, LintRule, lint
from .lives import ContainerLife, ContainerLives, EndKind, OperatorRun
from .params import Calls, Compat, Params
from .perfetto import perfetto_trace
from .policies import (
    BUILTIN_POLICIES,
    ORACLE_POLICIES,
    builtin_policy,
    load_policy,
    oracle_policy,
    policy_source,
)
from .record import record, statistics_record
from .rest import RestError, rest_policy
from .results import CallReport, RunResult
from .retiming import as_generated, jittered, snapped
from .scores import ClassScores, PipelineOutcome, Scores, jain_index, pipeline_outcomes, score
from .sensitivity import SensitivityRow, sensitivity
from .settings import Settings
from .shim import EUDOXIA_PATHS, eudoxia_imports
from .statistics import LATENCY_WEIGHTS, ClassStatistics, Statistics
from .suites import SUITES, Suite, SuiteSplit, suite, write_suite
from .synthetic import SyntheticParams, Tenant, offered_load, synthetic_trace
from .timeline import Window, timeline_svg
from .traces import TraceFormatError, load_trace, read_trace, write_trace
from .workload import OperatorSpec, PipelineSpec, PriorityClass, Segment, Trace, Work

__all__ = [
    "BUILTIN_POLICIES",
    "EUDOXIA_PATHS",
    "LATENCY_WEIGHTS",
    "ORACLE_POLICIES",
    "PUBLISHED_SEEDS",
    "RULES",
    "SUITES",
    "AlibabaParams",
    "Amount",
    "CallReport",
    "Calls",
    "Cause",
    "ClassLoss",
    "ClassScores",
    "ClassStatistics",
    "Compat",
    "ContainerLife",
    "ContainerLives",
    "Diagnosis",
    "EndKind",
    "Estimator",
    "FaultKind",
    "Finding",
    "GeneratorRevision",
    "LintRule",
    "MeanInterval",
    "Message",
    "OperatorRun",
    "OperatorSpec",
    "Params",
    "PipelineOutcome",
    "PipelineSpec",
    "PolicyFault",
    "PriorityClass",
    "RestError",
    "RunResult",
    "Scheduler",
    "Scores",
    "Segment",
    "SensitivityRow",
    "Settings",
    "Statistics",
    "Suite",
    "SuiteSplit",
    "SyntheticParams",
    "Tenant",
    "Trace",
    "TraceFormatError",
    "Window",
    "Work",
    "WorkloadParams",
    "account",
    "alibaba_trace",
    "as_generated",
    "builtin_policy",
    "diagnose",
    "eudoxia_imports",
    "faulty_line",
    "generate_trace",
    "guest_source",
    "ideal_ticks",
    "jain_index",
    "jittered",
    "lint",
    "load_estimator",
    "load_policy",
    "load_trace",
    "loop_trace",
    "mean_interval",
    "noisy_estimator",
    "offered_load",
    "oracle_policy",
    "paired_interval",
    "penalised_latency_bound",
    "perfetto_trace",
    "pipeline_outcomes",
    "policy_source",
    "published_traces",
    "read_trace",
    "record",
    "rest_policy",
    "score",
    "sensitivity",
    "simulate",
    "snapped",
    "statistics_record",
    "suite",
    "synthetic_trace",
    "timeline_svg",
    "write_suite",
    "write_trace",
]

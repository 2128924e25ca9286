"""Built-in policies, as programs on the interface of `views`: text that a sandboxed guest can run as well."""

from collections.abc import Mapping
from importlib.resources import files
from types import ModuleType

from ..checking import suggestion
from ..session import PolicySession
from ..views import Operator, names
from ..workload import Trace, visiting_order

__all__ = [
    "BUILTIN_POLICIES",
    "ORACLE_POLICIES",
    "builtin_policy",
    "load_policy",
    "oracle_policy",
    "policy_source",
]

BUILTIN_POLICIES = (
    "ageing",
    "best-fit",
    "estimator-aware",
    "naive",
    "overbook",
    "priority",
    "priority-pool",
    "shortest-remaining",
)
"""Names of the built-in policies, which see only what a scheduler may."""

ORACLE_POLICIES = ("exact-fifo",)
"""Names of the policies that need the truth, and run in this process only."""


def policy_source(name: str) -> str:
    """The program of a built-in policy or an oracle.

    Raises:
        KeyError: There is no policy of that name.
    """
    known = (*BUILTIN_POLICIES, *ORACLE_POLICIES)
    if name not in known:
        raise KeyError(f"no built-in policy {name!r}; {suggestion(name, known)}")
    return files(__package__).joinpath(name.replace("-", "_") + ".py").read_text(encoding="utf-8")


def load_policy(source: str, *, filename: str = "<policy>", as_guest: bool = False) -> PolicySession:
    """Runs a *trusted* program in this process and returns its session, good for one simulation.

    There is no isolation: a program from elsewhere belongs into a sandboxed guest. The policy sees what it would see in
    Eudoxia, what operators need and the memory in use included.

    Args:
        as_guest: Show it only what a sandboxed guest sees, which is what a scheduler can know.

    Raises:
        SyntaxError: The source does not parse; whatever else its top level raises passes through.
    """
    return _load(source, filename, {}, as_guest=as_guest)


def _load(source: str, filename: str, given: Mapping[str, object], *, as_guest: bool = False) -> PolicySession:
    module = ModuleType("policy")
    vars(module).update(names(), **given)
    exec(compile(source, filename, "exec"), vars(module))
    return PolicySession(vars(module), as_guest=as_guest)


def builtin_policy(name: str) -> PolicySession:
    """A fresh session of a built-in policy.

    Raises:
        KeyError: There is no built-in policy of that name, or it is an oracle.
    """
    if name in ORACLE_POLICIES:
        raise KeyError(f"policy {name!r} is an oracle, which needs the trace; use oracle_policy(trace)")
    return load_policy(policy_source(name), filename=f"<policy {name}>")


def oracle_policy(trace: Trace, source: str | None = None) -> PolicySession:
    """A session of a *trusted* program that is told the truth: what knowing every size is worth, and nothing else.

    The program finds `true_ram_gb(op)` among its globals, the memory in GB with which an operator never runs out of it.

    Args:
        trace: The trace that it will be simulated on.
        source: The program; `exact-fifo` if it is None.

    Raises:
        SyntaxError: The source does not parse; whatever else its top level raises passes through.
    """
    peaks = {
        pipeline.id: [
            pipeline.operators[position].work.peak_memory_gb
            for position in visiting_order([operator.parents for operator in pipeline.operators])
        ]
        for pipeline in trace.pipelines
    }

    def true_ram_gb(op: Operator) -> float:
        """Memory in GB with which the operator never runs out of it."""
        return peaks[op.pipeline.pipeline_id][op.position]

    return _load(source or policy_source("exact-fifo"), "<oracle>", {"true_ram_gb": true_ram_gb})

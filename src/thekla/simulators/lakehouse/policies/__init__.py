"""Built-in policies, as programs on the interface of `views`: text that a sandboxed guest can run as well."""

from importlib.resources import files
from types import ModuleType

from ..session import PolicySession
from ..views import names

__all__ = ["BUILTIN_POLICIES", "builtin_policy", "load_policy", "policy_source"]

BUILTIN_POLICIES = ("naive", "overbook", "priority", "priority-pool")
"""Names of the built-in policies."""


def policy_source(name: str) -> str:
    """The program of a built-in policy.

    Raises:
        KeyError: There is no built-in policy of that name.
    """
    if name not in BUILTIN_POLICIES:
        raise KeyError(f"no built-in policy {name!r}; use one of {', '.join(BUILTIN_POLICIES)}")
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
    module = ModuleType("policy")
    vars(module).update(names())
    exec(compile(source, filename, "exec"), vars(module))
    return PolicySession(vars(module), as_guest=as_guest)


def builtin_policy(name: str) -> PolicySession:
    """A fresh session of a built-in policy.

    Raises:
        KeyError: There is no built-in policy of that name.
    """
    return load_policy(policy_source(name), filename=f"<policy {name}>")

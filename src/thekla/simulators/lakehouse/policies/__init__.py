"""Built-in policies, as programs on the interface of `views`: text that a sandboxed guest can run as well."""

from importlib.resources import files
from types import ModuleType

from .. import views

__all__ = ["BUILTIN_POLICIES", "builtin_policy", "guest_source", "load_policy", "policy_source"]

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


def guest_source() -> str:
    """The text of `views`, which a guest needs to run a policy; it imports the standard library only."""
    return files(views.__package__).joinpath("views.py").read_text(encoding="utf-8")


def load_policy(source: str, *, filename: str = "<policy>") -> views.PolicySession:
    """Runs a *trusted* program in this process and returns its session, good for one simulation.

    There is no isolation: a program from elsewhere belongs into a sandboxed guest.

    Raises:
        SyntaxError: The source does not parse; whatever else its top level raises passes through.
    """
    module = ModuleType("policy")
    vars(module).update(views.names())
    exec(compile(source, filename, "exec"), vars(module))
    return views.PolicySession(vars(module))


def builtin_policy(name: str) -> views.PolicySession:
    """A fresh session of a built-in policy.

    Raises:
        KeyError: There is no built-in policy of that name.
    """
    return load_policy(policy_source(name), filename=f"<policy {name}>")

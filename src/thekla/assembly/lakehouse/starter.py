"""A policy and a parameter file to start from."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from thekla.core.errors import ConfigError

__all__ = ["init_lakehouse"]


def init_lakehouse(target: Path, *, force: bool) -> list[Path]:
    """Write the starter policy and its parameters into a folder, or the policy as a file and those beside it.

    Returns:
        The policy and the parameter file.

    Raises:
        ConfigError: One of the files exists and `force` is not given; nothing is written then.
    """
    policy = target if target.suffix == ".py" else target / "policy.py"
    written = [policy, policy.with_name("params.toml")]
    taken = [str(path) for path in written if path.exists()]
    if taken and not force:
        raise ConfigError(f"{', '.join(taken)} exists; name another place, or overwrite with --force")
    policy.parent.mkdir(parents=True, exist_ok=True)
    templates = files(__package__) / "templates"
    for path, name in zip(written, ("policy.py", "params.toml"), strict=True):
        path.write_text((templates / name).read_text(encoding="utf-8"), encoding="utf-8")
    return written

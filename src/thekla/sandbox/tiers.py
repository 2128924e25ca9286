"""The other tiers of guests with a process of their own: less than the strict one, and more."""

from __future__ import annotations

from typing import ClassVar

from thekla.sandbox.enclosures import Bubblewrap, Container
from thekla.sandbox.strict import StrictSandbox

__all__ = ["BubblewrapSandbox", "ContainerSandbox", "ProcessSandbox"]


class ProcessSandbox(StrictSandbox):
    """The seccomp allow-list and hard limits without Landlock, for kernels that lack it.

    A guest writes nothing, opens no socket and starts no process, as in the strict tier. It can read what its user can
    read, unless a mount namespace can be had, so a program may look for the answers of a problem, or for a key, though
    it cannot send it anywhere but into its own answers. It must be asked for by name.
    """

    tier: ClassVar[str] = "process"
    landlock: ClassVar[bool] = False
    conceded: ClassVar[frozenset[str]] = frozenset(("read a file of this user", "read /etc/passwd", "list a folder"))


class BubblewrapSandbox(StrictSandbox):
    """bubblewrap around the strict tier: namespaces and an empty file system by a program that others maintain too.

    Args:
        program: Name or path of `bwrap`.
        test_itself: As in the strict tier.

    Raises:
        SandboxError: bubblewrap is not installed, may not make its namespaces, or the strict tier cannot be had in it.
    """

    tier: ClassVar[str] = "bubblewrap"

    def __init__(self, program: str = "bwrap", *, test_itself: bool = True) -> None:
        super().__init__(enclosure=Bubblewrap(program), test_itself=test_itself)


class ContainerSandbox(StrictSandbox):
    """A container of Docker's or Podman's around the strict tier, shared by all guests of a set of wheels.

    Args:
        engine: `docker`, `podman` or a path; empty for the first that is found.
        image: One that holds this version of Python; empty for the official one. It must be on this machine.
        test_itself: As in the strict tier.

    Raises:
        SandboxError: There is no engine or no image, or the strict tier cannot be had in it.
    """

    tier: ClassVar[str] = "container"

    def __init__(self, engine: str = "", image: str = "", *, test_itself: bool = True) -> None:
        super().__init__(enclosure=Container(engine, image), test_itself=test_itself)

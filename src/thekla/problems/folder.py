"""What the packages of the gallery share: a problem's folder, read; the hold-out's seeds; the evaluator's digest.

`problem.toml` holds a problem's figures, once and with their origin:

    name = "lakehouse"
    version = "1"

    [limits]                       # of one guest; see `core.evaluation.Limits`
    cpu_s = 3.0

    [suites.default]
    about = "what the suite is for, in one line"
    ladder = ["fifo"]              # its rungs, weakest first; all, in the order of the file, if left out
    limits.cpu_s = 1.0             # where the suite has a limit of its own
    train_cpu_s = 0.5              # where the search has a lower one (the lakehouse only)
    accepted."exploit_pays NAME" = "why this fault, which an audit will find, is there on purpose"
    [[suites.default.objectives]]  # see `core.problem.Objective`; the first one is optimised
    name = "penalised_latency"

    [[measures]]                   # see `core.problem.Measure`

    [baselines.fifo]               # a rung; see `core.problem.Baseline`
    role = "trivial"
    program = "seeds/fifo.py"      # left out for an oracle, and where the package brings the program
    description = "first in, first out"

    [hints]                        # for a search that stands still, one by one; see `core.problem.Hints`
    version = "1"
    texts = ["the most general hint", "a plainer one"]

    [published."name of a rung"]   # figures of others
    value = 83.77
    source = "where it stands, and on what it was measured"
    suites = ["public"]            # where it is comparable; all suites if left out
"""

from __future__ import annotations

import hashlib
import hmac
import platform
import re
import tomllib
from collections.abc import Mapping, Sequence
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from importlib.resources.abc import Traversable
from random import Random
from types import MappingProxyType
from typing import Any

from thekla.core.errors import ConfigError, ProblemError
from thekla.core.evaluation import Limits
from thekla.core.problem import Baseline, Hints, Measure, Objective
from thekla.core.program import Program
from thekla.core.values import digest_of

__all__ = ["ProblemFolder", "drawn_seed", "near_seed"]

_WITH = re.compile(r"^# with: (\S+)$", re.MULTILINE)
_DRAWN_SEED_FLOOR = 2**32  # listed seeds are far below, so a drawn one can never meet them


class ProblemFolder:
    """The files of one problem.

    Args:
        package: Dotted name of the folder, as in `thekla.problems.lakehouse`.
        sources: Dotted names of the libraries that decide a score besides the folder: its simulators.
        wheels: Distributions whose version decides a score.
    """

    def __init__(self, package: str, *, sources: Sequence[str] = (), wheels: Sequence[str] = ()) -> None:
        self._here = files(package)
        self._sources = [files(source) for source in sources]
        self._wheels = tuple(wheels)

    @cached_property
    def data(self) -> Mapping[str, Any]:
        """What `problem.toml` says."""
        return tomllib.loads(self.text("problem.toml"))

    @property
    def name(self) -> str:
        """The problem's name."""
        return str(self.data["name"])

    @cached_property
    def suites(self) -> Mapping[str, str]:
        """The suites, each with a line on what it is for."""
        return {name: str(suite["about"]) for name, suite in self.data["suites"].items()}

    def require_suite(self, suite: str) -> None:
        """Raises:
        ConfigError: There is no such suite.
        """
        if suite not in self.suites:
            known = "; ".join(f"{name}: {about}" for name, about in self.suites.items())
            raise ConfigError(f"problem {self.name!r} has no suite {suite!r}; use one of: {known}")

    def objectives(self, suite: str) -> tuple[Objective, ...]:
        """The objectives of a suite, the one that is optimised first."""
        return tuple(Objective(**each) for each in self.data["suites"][suite]["objectives"])

    @cached_property
    def limits(self) -> Limits:
        """What one guest may use."""
        return Limits(**self.data["limits"])

    @cached_property
    def measures(self) -> tuple[Measure, ...]:
        """All measures, in the order of the file."""
        return tuple(Measure(**each) for each in self.data.get("measures", ()))

    @property
    def hints(self) -> Hints:
        """The hints, none if the file lists none."""
        row = self.data.get("hints", {})
        return Hints(**{**row, "texts": tuple(row.get("texts", ()))})

    def baselines(self, suite: str, brought: Mapping[str, Program] = MappingProxyType({})) -> tuple[Baseline, ...]:
        """The ladder of a suite, weakest first; one that the file does not know has all rungs.

        Args:
            brought: Programs of rungs that lie outside of the folder, by the rung's name.

        Raises:
            ProblemError: The suite lists a rung that the file lacks, or a rung that is no oracle has no program.
        """
        rows = self.data.get("baselines", {})
        ladder = self.data["suites"].get(suite, {}).get("ladder", list(rows))
        if missing := [name for name in ladder if name not in rows]:
            raise ProblemError(f"suite {suite!r} of {self.name} lists {missing[0]!r}, but there is no such baseline")
        return tuple(self._rung(name, rows[name], brought.get(name)) for name in ladder)

    def _rung(self, name: str, row: Mapping[str, Any], brought: Program | None) -> Baseline:
        program = self.program(row["program"]) if "program" in row else brought
        if (program is None) != (row["role"] == "oracle"):
            raise ProblemError(f"baseline {name!r} of {self.name} must have a program unless it is an oracle")
        return Baseline(**{"name": name, **row, "program": program})

    def published(self, suite: str) -> Mapping[str, tuple[float, str]]:
        """Figures of others that are comparable with scores of the suite: name to value and source."""
        rows = self.data.get("published", {}).items()
        return {
            name: (float(each["value"]), str(each["source"]))
            for name, each in rows
            if suite in each.get("suites", [suite])
        }

    def text(self, path: str) -> str:
        """A file of the folder, as in `statement.md`."""
        return self._here.joinpath(path).read_text(encoding="utf-8")

    def program(self, path: str) -> Program:
        """A program of the folder, as in `seeds/fifo.py`.

        Where it says `# with: part.py`, that file beside it is put before it, so that programs can share parts.
        """
        text, folder = self.text(path), path.rpartition("/")[0]
        parts = [self.program(f"{folder}/{part}").text for part in _WITH.findall(text)]
        return Program.from_text("\n\n".join([*parts, text]))

    def programs(self, folder: str) -> Mapping[str, Program]:
        """All programs of a sub-folder by name, as in `exploits`; none if there is no such folder.

        Files that begin with an underscore are left out.
        """
        place = self._here.joinpath(folder)
        entries = sorted(place.iterdir(), key=lambda each: each.name) if place.is_dir() else []
        return {
            entry.name.removesuffix(".py"): Program.from_text(entry.read_text(encoding="utf-8"))
            for entry in entries
            if entry.name.endswith(".py") and not entry.name.startswith("_")
        }

    def evaluator_digest(self, suite: str, **arguments: object) -> str:
        """Hash of what decides a score besides the program: folder, simulators, Python, wheels, suite, arguments."""
        return digest_of(
            {
                "sources": [_digests(each) for each in (*self._sources, self._here)],
                "python": platform.python_version(),
                "wheels": {name: _version(name) for name in self._wheels},
                "suite": suite,
                "arguments": {name: str(value) for name, value in sorted(arguments.items())},
            }
        )


def drawn_seed(key: bytes, *place: str | int) -> int:
    """A seed of the hold-out that nobody can compute without the key: at least 2**32, below 2**63 + 2**32.

    Args:
        place: What tells this seed from the others drawn with the key, as in problem, suite and number.
    """
    drawn = hmac.new(key, "/".join(str(part) for part in place).encode(), hashlib.sha256).digest()
    return _DRAWN_SEED_FLOOR + (int.from_bytes(drawn[:8], "big") >> 1)


def near_seed(rng: Random) -> int:
    """A seed for a changed instance, from 2**31 to 2**32: above all listed ones, and below all of a hold-out."""
    return rng.randrange(_DRAWN_SEED_FLOOR // 2, _DRAWN_SEED_FLOOR)


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return ""


def _digests(folder: Traversable) -> list[list[str]]:
    """Names and digests of all sources under a folder, in order."""
    found: list[list[str]] = []
    for entry in sorted(folder.iterdir(), key=lambda each: each.name):
        if entry.is_dir() and entry.name != "__pycache__":
            found += [[f"{entry.name}/{name}", digest] for name, digest in _digests(entry)]
        elif entry.name.endswith((".py", ".toml", ".md")):
            found.append([entry.name, hashlib.sha256(entry.read_bytes()).hexdigest()])
    return found

"""A user's own traces as instances: read from a folder, checked, and split for ever by what is in them.

Either the folder has sub-folders `train`, `validation` and `holdout`, which are taken as they are, or its files are
divided by rank of a digest of their content: three fifths train, one fifth validation, one fifth hold-out. Names and
dates of files have no say, and equal traces are refused, since one of them could end on either side.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from thekla.core.errors import ConfigError, ProblemError
from thekla.core.problem import Instance, Split
from thekla.core.values import digest_of
from thekla.problems.names import RENAMED
from thekla.simulators.lakehouse import Settings, Trace, TraceFormatError, load_trace, write_trace

from .changes import renamed
from .goals import CLASSES, Goal
from .workloads import Scene

__all__ = ["OwnTrace", "OwnTraces", "read_own_traces"]

_LEAST = 5  # files that are divided: three to search on, one to choose by, one to judge by
_SHARE = 0.2  # of the files for validation, and again for the hold-out
_SPLITS = (Split.TRAIN, Split.VALIDATION, Split.HOLDOUT)
_PARAMS = "params.toml"
_PROBE_SHARE = 0.1  # of a trace's length, seen before the whole of it
_PROBES = 2
_FIRST = "/first"


@dataclass(frozen=True, kw_only=True)
class OwnTrace:
    """One file of a user."""

    instance: Instance
    trace: Trace


@dataclass(frozen=True, kw_only=True)
class OwnTraces:
    """The traces of a folder and the lakehouse that they meet.

    Args:
        traces: By instance id, which is the path within the folder.
    """

    settings: Settings
    traces: Mapping[str, OwnTrace]

    def instances(self, split: Split) -> tuple[Instance, ...]:
        """The instances of a split, by name."""
        return tuple(each.instance for each in self.traces.values() if each.instance.split is split)

    def probes(self) -> tuple[Instance, ...]:
        """Beginnings of train traces, on which a broken program is found out and a known one recognised."""
        length_s = max(1, int(_PROBE_SHARE * self.settings.params.duration))
        return tuple(
            replace(each, id=f"{each.id}{_FIRST}{length_s}", digest=digest_of([each.digest, length_s]))
            for each in self.instances(Split.TRAIN)[:_PROBES]
        )

    def relabelled(self, given: Instance, *, seed: int) -> Instance | None:
        """The same trace, its pipelines under other ids; None if that was done already."""
        if RENAMED.search(given.id):
            return None
        return replace(given, id=f"{given.id}/renamed{seed}", digest=digest_of([given.digest, "renamed", seed]))

    def scene(self, id: str) -> Scene:
        """What an instance's id describes.

        Raises:
            ProblemError: There is no such trace in the folder.
        """
        if (found := RENAMED.search(id)) is not None:
            setting = self.scene(id[: found.start()])
            return replace(setting, trace=renamed(setting.trace, Random(f"lakehouse/names/{found['seed']}")))
        whole, _, first_s = id.partition(_FIRST)
        if whole not in self.traces:
            raise ProblemError(f"no trace is called {id!r}; there are {', '.join(self.traces)}")
        params = self.settings.params
        if first_s:
            params = replace(params, duration=min(int(first_s), params.duration))
        return Scene(
            trace=self.traces[whole].trace, params=params, compat="thekla", new_estimator=self.settings.estimator
        )

    @property
    def digest(self) -> str:
        """Hash of the parameters and of the hold-out, which the journal does not list before it is opened."""
        held = [each.digest for each in self.instances(Split.HOLDOUT)]
        return digest_of({"settings": repr(self.settings), "holdout": held})

    @property
    def largest(self) -> int:
        """Operators of the largest trace."""
        return max(sum(len(each.operators) for each in own.trace.pipelines) for own in self.traces.values())


def read_own_traces(folder: Path, params: Path | None, goal: Goal) -> OwnTraces:
    """The traces of a folder, checked against the goal.

    Args:
        params: Parameter file of the cluster; by default `params.toml` in the folder.

    Raises:
        ConfigError: The folder, its files or the parameters are not what they must be; the message says which and
            what to do.
    """
    if not folder.is_dir():
        raise ConfigError(f"the folder of traces {str(folder)!r} does not exist")
    settings = _settings(folder / _PARAMS if params is None else params)
    named = [folder / str(split) for split in _SPLITS if (folder / str(split)).is_dir()]
    read = _read_divided(folder) if named else _read_together(folder)
    _refuse_equal(read)
    traces = {each.instance.id: each for each in sorted(read, key=lambda each: each.instance.id)}
    for each in traces.values():
        _check(each, settings, goal)
    return OwnTraces(settings=settings, traces=traces)


def _settings(path: Path) -> Settings:
    try:
        return Settings.from_mapping(tomllib.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise ConfigError(
            f"there is no parameter file {path}; describe your cluster in it (thekla lakehouse init writes one to "
            "start from), or name another file with --params"
        ) from None
    except (OSError, UnicodeDecodeError, ValueError) as error:  # a TOML error is a ValueError
        raise ConfigError(f"parameter file {path}: {error}") from error


def _read_divided(folder: Path) -> list[OwnTrace]:
    loose = sorted(path.name for path in folder.glob("*.csv"))
    if loose:
        raise ConfigError(
            f"folder {folder} has both sub-folders of splits and traces beside them ({', '.join(loose[:3])}); "
            "move each trace into train, validation or holdout"
        )
    read = []
    for split in _SPLITS:
        files = sorted((folder / str(split)).glob("*.csv"))
        if not files:
            raise ConfigError(
                f"folder {folder / str(split)} holds no trace (*.csv); each of train, validation and holdout needs one"
            )
        read += [_read(path, folder, split) for path in files]
    return read


def _read_together(folder: Path) -> list[OwnTrace]:
    files = sorted(folder.glob("*.csv"))
    if len(files) < _LEAST:
        raise ConfigError(
            f"folder {folder} holds {len(files)} traces (*.csv); at least {_LEAST} are needed, to search on some, "
            "choose by others and judge by the rest. Cut long traces into pieces, or make sub-folders train, "
            "validation and holdout yourself"
        )
    read = [_read(path, folder, Split.TRAIN) for path in files]
    ranked = sorted(read, key=lambda each: digest_of({"lakehouse split": 1, "trace": each.instance.digest}))
    part = max(1, round(_SHARE * len(ranked)))
    splits = [Split.HOLDOUT] * part + [Split.VALIDATION] * part + [Split.TRAIN] * (len(ranked) - 2 * part)
    return [
        replace(each, instance=replace(each.instance, split=split)) for each, split in zip(ranked, splits, strict=True)
    ]


def _read(path: Path, folder: Path, split: Split) -> OwnTrace:
    name = path.relative_to(folder).as_posix()
    try:
        trace = replace(load_trace(path), name=name)
    except OSError as error:
        raise ConfigError(f"trace {path} cannot be read: {error.strerror}") from error
    except TraceFormatError as error:
        raise ConfigError(f"trace {error}") from error
    # Of the content as it is understood: line ends and ways of writing a number make no other trace.
    return OwnTrace(
        instance=Instance(id=name, split=split, digest=digest_of({"trace": write_trace(trace)})), trace=trace
    )


def _refuse_equal(read: Sequence[OwnTrace]) -> None:
    seen: dict[str, str] = {}
    for each in read:
        other = seen.setdefault(each.instance.digest, each.instance.id)
        if other != each.instance.id:
            raise ConfigError(
                f"traces {other} and {each.instance.id} are equal, so what is found on one is no news on the other; "
                "remove one of them"
            )


def _check(own: OwnTrace, settings: Settings, goal: Goal) -> None:
    in_time = [each for each in own.trace.pipelines if each.arrival_seconds < settings.params.duration]
    if not in_time:
        raise ConfigError(
            f"no pipeline of trace {own.instance.id} arrives within the {settings.params.duration:g} s that are "
            "simulated; raise duration in the parameters, or count arrival_seconds from the start of the trace"
        )
    if goal.priority is not None and not any(each.priority is goal.priority for each in in_time):
        raise ConfigError(
            f"trace {own.instance.id} has no {CLASSES[goal.priority]} pipeline, which objective "
            f"{goal.objective.name!r} is about; choose another objective, or leave the trace out"
        )

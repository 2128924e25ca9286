"""Live progress on stderr: a few lines that renew themselves on a terminal, an occasional line elsewhere."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from thekla.core.visible import duration, number, visible

if TYPE_CHECKING:
    from thekla.assembly import Progress

__all__ = ["ProgressDisplay", "progress_line", "time_left_s"]

_EVERY_S = 10.0  # between plain lines


def time_left_s(progress: Progress) -> float | None:
    """Seconds to the end of the budget at the pace so far; None before there is a pace, or without a cap."""
    if progress.budget is None or progress.evaluations == 0 or progress.phase != "search" or progress.replayed:
        return None
    rest = max(0, progress.budget - progress.evaluations)
    return progress.elapsed_s / progress.evaluations * rest


def progress_line(progress: Progress) -> str:
    """The progress in one line."""
    return ", ".join([_where(progress), _best(progress), *_counts(progress), _clock(progress), *_asks(progress)])


def _where(progress: Progress) -> str:
    if progress.phase != "search":
        judged = f", {progress.judged}/{progress.to_judge} judged" if progress.to_judge else ""
        return f"{progress.phase}{judged}, {progress.evaluations} evaluations"
    if progress.replayed:
        return f"going through {progress.evaluations} recorded evaluations"
    of = f"/{progress.budget}" if progress.budget is not None else ""
    return f"{progress.evaluations}{of} evaluations"


def _best(progress: Progress) -> str:
    unit = f" {progress.unit}" if progress.unit else ""
    if progress.best is None:
        return "nothing scored yet"
    against = f" (baseline {number(progress.baseline)}{unit})" if progress.baseline is not None else ""
    return f"best {number(progress.best)}{unit}{against}"


def _counts(progress: Progress) -> list[str]:
    found = [f"{progress.failures} failed"]
    if progress.quarantined:
        found.append(f"{progress.quarantined} quarantined")
    if progress.duplicates:
        found.append(f"{progress.duplicates} duplicates")
    if progress.cost_usd:
        found.append(f"${progress.cost_usd:,.2f}")
    return found


def _asks(progress: Progress) -> list[str]:
    """What people may do where the search stands still."""
    if not progress.still:
        return []
    return [f"no better for {progress.still} evaluations; an idea? thekla steer show {progress.run_id}"]


def _clock(progress: Progress) -> str:
    left = time_left_s(progress)
    about = f", about {duration(left)} left" if left is not None else ""
    return f"{duration(progress.elapsed_s)}{about}"


class ProgressDisplay:
    """Shows what it is called with; a context manager, as it owns lines of the terminal while it is open.

    `run_id` is that of the last progress, so that an interrupted command can say what to resume.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Live | None = None
        self._phase = ""
        self._said_s = -_EVERY_S
        self.run_id = ""

    def __enter__(self) -> ProgressDisplay:
        if self._console.is_terminal:
            self._live = Live(console=self._console, refresh_per_second=5, transient=True)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def __call__(self, progress: Progress) -> None:
        self.run_id = progress.run_id
        if self._live is not None:
            self._live.update(_panel(progress, self._console.width))
            return
        if progress.phase != self._phase or progress.elapsed_s - self._said_s >= _EVERY_S:
            self._phase, self._said_s = progress.phase, progress.elapsed_s
            self._console.print(Text(visible(progress_line(progress))), soft_wrap=True)


def _panel(progress: Progress, width: int) -> Group:
    head = Table.grid(padding=(0, 1))
    total = progress.budget if progress.budget is not None and progress.phase == "search" else None
    bar = ProgressBar(
        total=total, completed=progress.evaluations, width=min(32, max(10, width // 3)), pulse=total is None
    )
    head.add_row(bar, Text(_where(progress)))
    rest = ", ".join([*_counts(progress), _clock(progress)])
    lines = [
        Text(visible(line), overflow="ellipsis", no_wrap=True) for line in (_best(progress), rest, *_asks(progress))
    ]
    return Group(head, *lines)

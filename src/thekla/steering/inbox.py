"""Where a search stands still, people are asked for an idea; nothing waits for their answer."""

from __future__ import annotations

from dataclasses import replace

from thekla.core.progress import Observer, Progress
from thekla.core.visible import number
from thekla.steering.folder import SteeringFolder

__all__ = ["Inbox"]

_WORTHWHILE = 0.01  # relative improvement below which a search counts as standing still, as for hints


class Inbox:
    """An observer that asks, and passes on what it hears with how long the search has stood still.

    The question is a file of the run's steering folder. It is no event and changes nothing: an answer is a hint, a pin
    or a program, each of which the journal records. When the search gets better, or ends, the question is withdrawn.

    Args:
        patience: Evaluations without an improvement by 1 % after which people are asked.

    References:
        Cheng et al. 2025, Barbarians at the Gate (2510.06189): two searches that had stood still went on by one hint.
    """

    def __init__(self, observer: Observer, folder: SteeringFolder, *, patience: int) -> None:
        self._observer = observer
        self._folder = folder
        self._patience = patience
        self._best: float | None = None
        self._improved_at = 0
        self._asked_at: int | None = None

    def __call__(self, progress: Progress) -> None:
        still = self._stood_still(progress)
        if still < self._patience or progress.phase != "search":
            self._withdraw()
            self._observer(progress)
            return
        if not progress.replayed:
            self._ask(progress, still)
        self._observer(replace(progress, still=still))

    def _stood_still(self, progress: Progress) -> int:
        """Evaluations since the best was last improved by enough."""
        before, best = self._best, progress.best
        if best is not None and (before is None or abs(best - before) > _WORTHWHILE * abs(before)):
            self._best, self._improved_at = best, progress.evaluations
        return progress.evaluations - self._improved_at if self._best is not None else 0

    def _ask(self, progress: Progress, still: int) -> None:
        if self._asked_at is not None and progress.evaluations - self._asked_at < self._patience:
            return
        self._asked_at = progress.evaluations
        run, unit = progress.run_id, f" {progress.unit}" if progress.unit else ""
        self._folder.write(
            "question.md",
            f"# What would you try next?\n\nThis search has stood still for {still} evaluations. Its best has "
            f"{progress.objective} {number(progress.best)}{unit}.\n\n"
            f"See what it has with `thekla best {run}` and `thekla report {run}`. Then write an idea on a line of "
            f"hints.md beside this file, or\n\n    thekla steer hint {run} 'YOUR IDEA'\n    thekla steer inject {run} "
            "PROGRAM.py\n\nThe search goes on meanwhile and waits for nobody. This file goes when it gets better.\n",
        )

    def _withdraw(self) -> None:
        if self._asked_at is not None:
            self._asked_at = None
            self._folder.remove("question.md")

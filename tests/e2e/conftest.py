"""Commands, and runs that nothing disturbed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .command import Command, Recorded, Starter, recorded


@pytest.fixture(scope="session")
def starter() -> Iterator[Starter]:
    with Starter() as starter:
        yield starter


@pytest.fixture
def command(starter: Starter, tmp_path: Path) -> Command:
    return Command(starter, tmp_path)


@pytest.fixture(scope="session")
def whole(starter: Starter, tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """The toy run that nothing disturbed, in the strict sandbox with two workers."""
    undisturbed = Command(starter, tmp_path_factory.mktemp("whole"))
    ended = undisturbed.search()
    assert ended.code == 0, ended.err
    return recorded(undisturbed.file())

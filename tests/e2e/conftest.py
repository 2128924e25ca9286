"""Commands, and runs that nothing disturbed."""

from __future__ import annotations

from pathlib import Path

import pytest

from .command import Command, Recorded, recorded


@pytest.fixture
def command(tmp_path: Path) -> Command:
    return Command(tmp_path)


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """The toy run that nothing disturbed, in the strict sandbox with two workers."""
    undisturbed = Command(tmp_path_factory.mktemp("whole"))
    ended = undisturbed.search()
    assert ended.code == 0, ended.err
    return recorded(undisturbed.file())

"""The toy problem as an installed plug-in, and a folder of runs."""

from __future__ import annotations

from pathlib import Path

import pytest

PLUGINS = str(Path(__file__).parent.parent / "plugins")


@pytest.fixture(autouse=True)
def _toy_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(PLUGINS)
    monkeypatch.setenv("PYTHONPATH", PLUGINS)


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    return tmp_path / "runs"

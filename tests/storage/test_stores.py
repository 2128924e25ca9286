"""The stores against the suites that every store must pass."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from thekla.storage import MemoryRun, RunFile
from thekla.testing.stores import BlobStoreConformance, FactsConformance, RunStoreConformance


class InMemory:
    def make_store(self, run_id: str) -> MemoryRun:
        return MemoryRun(run_id)


class InFile:
    folder: Path

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> Iterator[None]:
        self.folder = tmp_path
        self.made: list[RunFile] = []
        yield
        for run in self.made:
            run.close()

    def make_store(self, run_id: str) -> RunFile:
        self.made.append(RunFile.create(self.folder / f"{run_id}.thekla", run_id))
        return self.made[-1]


class TestMemoryEvents(InMemory, RunStoreConformance):
    pass


class TestMemoryBlobs(InMemory, BlobStoreConformance):
    pass


class TestMemoryFacts(InMemory, FactsConformance):
    pass


class TestFileEvents(InFile, RunStoreConformance):
    pass


class TestFileBlobs(InFile, BlobStoreConformance):
    pass


class TestFileFacts(InFile, FactsConformance):
    pass

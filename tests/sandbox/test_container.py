"""The container tier with a real engine: `THEKLA_TEST_IMAGE` names an image that holds this version of Python, and
`THEKLA_TEST_ENGINE` the engine, if not the first that is found.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from thekla.core.evaluation import Limits
from thekla.core.protocols import Sandbox
from thekla.sandbox import ContainerSandbox
from thekla.testing.arena import Arena, evaluator_of
from thekla.testing.attacks import ATTACKS
from thekla.testing.sandboxes import SandboxConformance

IMAGE = os.environ.get("THEKLA_TEST_IMAGE", "")
ENGINE = os.environ.get("THEKLA_TEST_ENGINE", "")  # the first that is found, if not named

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not IMAGE, reason="THEKLA_TEST_IMAGE names no image; see docs/explanation/sandbox.md"),
]


class TestContainerSandbox(SandboxConformance):
    def make_sandbox(self) -> Sandbox:
        return ContainerSandbox(ENGINE, IMAGE, test_itself=False)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[ContainerSandbox]:
    with ContainerSandbox(ENGINE, IMAGE) as made:  # proves itself by the attacks that it claims to stop
        yield made


def test_no_attack_of_the_catalogue_succeeds(sandbox: ContainerSandbox) -> None:
    with Arena(evaluator_of(sandbox, Limits(wall_s=5.0, cpu_s=2.0, memory_mb=256)), wall_s=10.0) as arena:
        assert [attack.name for attack in ATTACKS if arena.damage(attack)] == []

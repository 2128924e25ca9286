"""Both tiers keep what the protocols promise."""

from __future__ import annotations

from thekla.core.protocols import Sandbox
from thekla.sandbox import StrictSandbox, TrustedSandbox
from thekla.testing.sandboxes import SandboxConformance


class TestStrictSandbox(SandboxConformance):
    def make_sandbox(self) -> Sandbox:
        return StrictSandbox(test_itself=False)


class TestTrustedSandbox(SandboxConformance):
    def make_sandbox(self) -> Sandbox:
        return TrustedSandbox()

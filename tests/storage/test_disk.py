"""Full and read-only disks: a clear refusal, and nothing that was recorded is lost."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("small_disk.py")


@pytest.mark.parametrize("scenario", ["full_disk", "too_small_disk", "no_room_to_restore", "read_only_disk"])
def test_disk_that_refuses(scenario: str, tmp_path: Path) -> None:
    own_mounts = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", "--mount"]
    if subprocess.run([*own_mounts, "true"], capture_output=True, check=False).returncode and "CI" not in os.environ:
        pytest.skip("this machine lets nobody mount a small disk; run as root")
    done = subprocess.run(
        [*own_mounts, sys.executable, "-W", "error", SCRIPT, scenario, tmp_path],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr

"""Long runs: nothing grows with the number of tests.

This is a short one. The long one is ``python tests/soak/soak.py``.
"""

from __future__ import annotations

from pathlib import Path
import subprocess
import sys
from typing import Final

import pytest

SOAK: Final = Path(__file__).parent / "soak" / "soak.py"


@pytest.mark.timeout(600)
def test_nothing_grows() -> None:
    """Files, threads, loops, tasks and memory are the same after each block of tests."""
    done = subprocess.run(
        [sys.executable, SOAK, "--tests=300", "--block=1"],
        check=False,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("\n|") == 4, done.stdout

"""What every test module of the plugin's own suite shares."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
import signal
import sys
import textwrap
from typing import Final
from typing import final
from unittest import mock

import pytest

pytest_plugins = "pytester"

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # As in the background of a shell that runs a script: tests of Ctrl-C would hear nothing, nor
    # would the processes that they start.
    signal.signal(signal.SIGINT, signal.default_int_handler)

WITHOUT_SLOW_PLUGINS: Final = ("-pno:anyio", "-pno:hypothesispytest", "-pno:trio")
"""For a pytest in a process of its own: importing these takes longer than all the rest."""


on_linux = pytest.mark.skipif(
    not sys.platform.startswith("linux"),
    reason="only Linux tells of all threads and child processes: elsewhere, no deadlock is proven",
)


needs_sigint = pytest.mark.skipif(
    sys.platform == "win32", reason="SIGINT cannot be sent to one process"
)


needs_timeout = pytest.mark.skipif(
    not hasattr(signal, "SIGALRM"), reason="the signal method of pytest-timeout"
)


@final
class Example:
    """Writes a small project and runs pytest on it, in one call.

    There is no way to write an inner file and forget to run it: calling the
    object does both and returns what pytest made of the project.
    """

    def __init__(self, pytester: pytest.Pytester) -> None:
        self.pytester: Final = pytester

    def __call__(
        self,
        source: str = "",
        *args: str,
        mode: str | None = None,
        conftest: str | None = None,
        ini: str | None = None,
        files: Mapping[str, str] | None = None,
        subprocess: bool = False,
        timeout: float | None = None,
    ) -> pytest.RunResult:
        """Write the files, run pytest on them, return the result.

        :param source: The test module; it is written as ``test_example.py``.
        :param args: Command-line arguments for pytest.
        :param mode: Value for ``--asyncio-mode``; None leaves the option out.
        :param conftest: Source of a ``conftest.py`` beside the module.
        :param ini: The lines of the ``[pytest]`` section of a ``pytest.ini``.
        :param files: More files, by their path relative to the project.
        :param subprocess: Run pytest in a process of its own. It has no plugins that are slow
            to import, and neither have workers of pytest-xdist.
        :param timeout: Seconds after which a subprocess is stopped.
        """
        written = dict(files or {})
        if source:
            written["test_example.py"] = source
        if conftest is not None:
            written["conftest.py"] = conftest
        if ini is not None:
            written["pytest.ini"] = "[pytest]\n" + textwrap.dedent(ini)
        for name, text in written.items():
            path = self.pytester.path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text), encoding="utf-8")
        arguments = [*args]
        if mode is not None:
            arguments.append(f"--asyncio-mode={mode}")
        if subprocess or any(each.startswith("-n") for each in args):
            arguments += WITHOUT_SLOW_PLUGINS
        if subprocess:
            return self.pytester.runpytest_subprocess(*arguments, timeout=timeout)
        with mock.patch.dict(sys.modules):
            for name in written:
                # A file may have the name of one of our own test modules.
                sys.modules.pop(Path(name).stem, None)
            return self.pytester.runpytest_inprocess(*arguments)


@pytest.fixture
def run(pytester: pytest.Pytester) -> Example:
    """Write a small project and run pytest on it."""
    return Example(pytester)

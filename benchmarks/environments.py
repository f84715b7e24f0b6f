"""Virtual environments with pytest and one plugin each, from PyPI."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
import subprocess
import sys
from typing import Final
from typing import final

CHECKOUT: Final = Path(__file__).resolve().parent.parent

REQUIREMENTS: Final[dict[str, tuple[str, ...]]] = {
    "no plugin": (),
    "pytest-asyncio": (str(CHECKOUT),),
    "pytest-asyncio 1.5.0": ("pytest-asyncio==1.5.0",),
    "AnyIO": ("anyio",),
    "pytest-trio": ("pytest-trio",),
    "alt-pytest-asyncio": ("alt-pytest-asyncio",),
}
"""What is installed beside pytest in each environment."""

_VERSIONS: Final = """
import importlib.metadata, json, platform
versions = {each.name: each.version for each in importlib.metadata.distributions()}
print(json.dumps([platform.python_version(), versions]))
"""


@final
@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """A virtual environment."""

    python: Path
    python_version: str
    versions: dict[str, str]
    """The versions of everything that is installed."""


def make(python: str, name: str, cache: Path, pytest: str) -> Environment:
    """Make an environment, or use what there is of it in the cache.

    :param python: The interpreter.
    :param name: One of `REQUIREMENTS`.
    :param cache: Folder for the environments.
    :param pytest: The requirement of pytest, the same one for all environments.
    """
    requirements = [pytest, *REQUIREMENTS[name]]
    executable = _make(python, name, cache, requirements)
    if str(CHECKOUT) in requirements:
        # Installed anew, since the version says nothing of what has changed. Not in editable
        # mode: users have it like the others.
        _pip(executable, "--force-reinstall", "--no-deps", str(CHECKOUT))
    output = subprocess.check_output([executable, "-c", _VERSIONS], text=True)
    python_version, versions = json.loads(output)
    return Environment(
        python=executable, python_version=python_version, versions=versions
    )


def make_for_plots(cache: Path) -> Path:
    """The interpreter of an environment that has matplotlib."""
    return _make(sys.executable, "plots", cache, ["matplotlib"])


def _make(python: str, name: str, cache: Path, requirements: list[str]) -> Path:
    code = "import sys; print(sys.implementation.cache_tag)"
    tag = subprocess.check_output([python, "-c", code], text=True).strip()
    folder = cache / f"{tag}-{name.replace(' ', '-')}"
    executable = folder / "bin" / "python"
    done = folder / "requirements.json"
    if not done.exists() or json.loads(done.read_text()) != requirements:
        print(f"making {folder}", file=sys.stderr)
        subprocess.check_call([python, "-m", "venv", "--clear", folder])
        _pip(executable, *requirements)
        done.write_text(json.dumps(requirements))
    return executable


def _pip(executable: Path, *arguments: str) -> None:
    pip = (str(executable), "-m", "pip", "--disable-pip-version-check")
    subprocess.check_call([*pip, "install", "-q", *arguments])

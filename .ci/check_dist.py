"""See that the built distributions hold everything that users need.

Takes the directory that has one wheel and one sdist.
"""

from __future__ import annotations

from email.parser import HeaderParser
from pathlib import Path
import sys
import tarfile
import tomllib
import zipfile


def check_wheel(path: Path, project: dict[str, object]) -> list[str]:
    """Compare the wheel with the project file; return what is wrong."""
    with zipfile.ZipFile(path) as wheel:
        names = set(wheel.namelist())
        (dist_info,) = {name.split("/")[0] for name in names if ".dist-info/" in name}
        metadata = HeaderParser().parsestr(wheel.read(f"{dist_info}/METADATA").decode())
        entry_points = wheel.read(f"{dist_info}/entry_points.txt").decode().split("\n")
    init = Path("src/pytest_asyncio/__init__.py").read_text("utf-8")
    version = init.partition('__version__ = "')[2].partition('"')[0]
    sources = {
        source.relative_to("src").as_posix()
        for source in Path("src").rglob("*")
        if source.suffix in {".py", ".pyi", ".typed"}
    }
    licence = f"{dist_info}/licenses/LICENSE"
    strangers = {name for name in names - sources if not name.startswith(dist_info)}
    wrong = {
        "there is no pytest_asyncio/py.typed": "pytest_asyncio/py.typed" not in names,
        f"there is no {licence}": licence not in names,
        f"missing from the wheel: {sources - names}": not sources <= names,
        f"what is that in the wheel: {strangers}": strangers,
        "the entry point is missing": "asyncio = pytest_asyncio.plugin"
        not in entry_points,
        "wrong name": metadata["Name"] != project["name"],
        "wrong version": metadata["Version"] != version,
        "wrong licence": metadata["License-Expression"] != project["license"],
        "wrong Requires-Python": metadata["Requires-Python"]
        != project["requires-python"],
        "no long description": "pytest-asyncio" not in metadata.get_payload(),
        "not for every platform": not path.name.endswith("-py3-none-any.whl"),
    }
    return [f"{path.name}: {message}" for message, is_so in wrong.items() if is_so]


def check_sdist(path: Path) -> list[str]:
    """Return what packagers would miss in the sdist."""
    with tarfile.open(path) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    wanted = {
        "CHANGELOG.md",
        "LICENSE",
        "README.md",
        "docs/conf.py",
        "examples/pytest.ini",
        "mypy.ini",
        "pyproject.toml",
        "src/pytest_asyncio/py.typed",
        "tests/conftest.py",
    }
    return [f"{path.name}: {name} is missing" for name in sorted(wanted - names)]


def main(directory: Path) -> int:
    """Check both; return the exit status."""
    project = tomllib.loads(Path("pyproject.toml").read_text("utf-8"))["project"]
    (wheel,) = directory.glob("*.whl")
    (sdist,) = directory.glob("*.tar.gz")
    problems = [*check_wheel(wheel, project), *check_sdist(sdist)]
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))

"""Configuration of Sphinx."""

from __future__ import annotations

import asyncio
from importlib.metadata import version as version_of
from pathlib import Path
import sys
import typing

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))

from local_inventory import local_inventory  # noqa: E402 - found through the path set above

# The package imports asyncio only when it is needed. For its annotations to be resolved, its
# modules are loaded the way that a type checker reads them. pytest's own are not.
typing.TYPE_CHECKING = True
import pytest_asyncio.plugin  # noqa: E402, F401 - see above

typing.TYPE_CHECKING = False

# Refer to classes under the names that users import, not under those of private modules.
for _public, _private in ((asyncio, "asyncio."), (pytest, "_pytest.")):
    for _class in (getattr(_public, _name) for _name in _public.__all__):
        if isinstance(_class, type) and _class.__module__.startswith(_private):
            _class.__module__ = _public.__name__

project = "pytest-asyncio"
author = "The pytest-asyncio contributors"
copyright = f"{author}. Apache License 2.0"  # noqa: A001 - Sphinx wants this name
release = version_of("pytest-asyncio")
version = ".".join(release.split(".")[:2])

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.intersphinx",
    "myst_parser",
    "compatibility",
    "drawings",
    "options",
    "public_names",
    "pytest_objects",
]
exclude_patterns = ["_build", "benchmark"]
default_role = "code"
nitpicky = True

html_theme = "furo"
html_title = f"pytest-asyncio {release}"
html_static_path = ["_static"]
html_css_files = ["custom.css"]
html_js_files = ["copy.js", "tables.js"]
html_copy_source = False
html_show_sphinx = False

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_format = "short"
autodoc_typehints_description_target = "documented_params"
autodoc_preserve_defaults = True
add_module_names = False
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 80

# The build needs no network: see inventories/.
intersphinx_mapping = {
    name: (
        address,
        local_inventory(
            HERE / "inventories" / f"{name}.txt",
            HERE / "_build" / "inventories" / f"{name}.inv",
        ),
    )
    for name, address in [
        ("python", "https://docs.python.org/3"),
        ("pytest", "https://docs.pytest.org/en/stable"),
    ]
}

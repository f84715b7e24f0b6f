"""The public names: shown as users import them, from their source, all of them.

A name is documented as ``pytest_asyncio.name``, whichever module it is defined in; references to
the latter, as annotations make them, are led to the former. A public name, a fixture or a hook
that no page shows is a warning, and so is one without a docstring.
"""

from __future__ import annotations

import asyncio
from typing import get_type_hints

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.pycode import ModuleAnalyzer
from sphinx.util import logging
from sphinx.util.typing import ExtensionMetadata
from sphinx.util.typing import stringify_annotation

import pytest_asyncio
from pytest_asyncio import hookspecs
from pytest_asyncio import plugin

PACKAGE = "pytest_asyncio"
NAMES = [name for name in pytest_asyncio.__all__ if not name.startswith("__")]

_logger = logging.getLogger(__name__)


def _analyzers() -> list[ModuleAnalyzer]:
    modules = ("config", "fixtures", "hookspecs", "loop", "markers", "ports")
    found = [ModuleAnalyzer.for_module(f"{PACKAGE}.{name}") for name in modules]
    for analyzer in found:
        analyzer.analyze()
    return found


def _forget_overloads(app: Sphinx) -> None:
    """Show one signature, with the types beside the parameters, instead of one each."""
    for analyzer in _analyzers():
        analyzer.overloads.clear()


def _name_aliases(
    app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    """Show the aliases of the package by name: Python has resolved them long ago."""
    annotations = app.env.current_document.autodoc_annotations.get(name, {})
    if what == "class":
        annotations.pop("return", None)
    for parameter in annotations:
        for alias, meaning in _ALIASES.items():
            annotations[parameter] = annotations[parameter].replace(
                meaning, f"~{PACKAGE}.{alias}"
            )


class _Aliases:
    LoopFactories: pytest_asyncio.LoopFactories
    LoopFactory: pytest_asyncio.LoopFactory
    ScopeName: pytest_asyncio.ScopeName


_ALIASES = {
    alias: stringify_annotation(meaning, "smart")
    for alias, meaning in get_type_hints(
        _Aliases, {"asyncio": asyncio, PACKAGE: pytest_asyncio}
    ).items()
}


def _docstring(
    app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    """Find the docstring of an alias; complain of what has none."""
    if what == "data":
        short = name.rpartition(".")[2]
        lines[:] = next(
            (
                a.attr_docs["", short]
                for a in _analyzers()
                if ("", short) in a.attr_docs
            ),
            [],
        )
    if not any(line.strip() for line in lines):
        _logger.warning("no docstring: %s %s", what, name)


def _to_public_name(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, content: nodes.TextElement
) -> nodes.Node | None:
    """Lead ``pytest_asyncio.module.name`` and ``name`` to ``pytest_asyncio.name``."""
    module, _, name = node.get("reftarget", "").rpartition(".")
    if name not in NAMES or not (not module or module.startswith(PACKAGE)):
        return None
    domain = env.domains.python_domain
    target = domain.objects.get(f"{PACKAGE}.{name}")
    if target is None:
        return None
    return nodes.reference(
        "",
        "",
        content,
        internal=True,
        refuri=app.builder.get_relative_uri(node["refdoc"], target.docname)
        + f"#{target.node_id}",
    )


def _all_are_shown(app: Sphinx, env: BuildEnvironment) -> None:
    objects = env.domains.python_domain.objects
    for name in NAMES:
        if f"{PACKAGE}.{name}" not in objects:
            _logger.warning("%s.%s is not in the reference", PACKAGE, name)
    others = {
        (kind, name) for name, _, kind, *_ in env.domains.standard_domain.get_objects()
    }
    wanted = {
        ("hook", name) for name in vars(hookspecs) if name.startswith("pytest_asyncio_")
    }
    for name, value in vars(plugin).items():
        if type(value).__name__ == "FixtureFunctionDefinition" and name[0] != "_":
            wanted.add(("fixture", name))
    for kind, name in sorted(wanted - others):
        _logger.warning("the %s %s is not in the reference", kind, name)


def setup(app: Sphinx) -> ExtensionMetadata:
    """Called by Sphinx."""
    app.connect("builder-inited", _forget_overloads)
    app.connect("autodoc-process-docstring", _docstring)
    app.connect("autodoc-process-docstring", _name_aliases)
    app.connect("missing-reference", _to_public_name)
    app.connect("env-check-consistency", _all_are_shown)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

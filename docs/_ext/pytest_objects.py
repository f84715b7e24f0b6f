"""Directives and roles for what pytest has and Python has not: fixtures and hooks.

``autofixture`` documents a fixture from its source, as ``autofunction`` does a function;
``fixture`` and ``hook`` are the types under which pages refer to them. Options have
Sphinx's own ``confval``.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from collections.abc import AsyncIterator
from collections.abc import Generator
from collections.abc import Iterator
from importlib import import_module
import inspect
from typing import Any
from typing import get_args
from typing import get_origin
from typing import get_type_hints

from docutils import nodes
from docutils.statemachine import StringList
import pytest
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.parsing import nested_parse_to_nodes
from sphinx.util.typing import ExtensionMetadata
from sphinx.util.typing import restify

_YIELDING = (AsyncGenerator, AsyncIterator, Generator, Iterator)


@pytest.fixture
def _any_fixture() -> None:
    """Made for its type alone, which pytest does not export."""


_FixtureDefinition = type(_any_fixture)


class AutoFixture(SphinxDirective):
    """``.. autofixture:: module.name`` documents a fixture from its docstring."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Called by Sphinx."""
        module, _, name = self.arguments[0].rpartition(".")
        definition = getattr(import_module(module), name)
        if not isinstance(definition, _FixtureDefinition):
            raise self.error(f"{self.arguments[0]} is not a fixture")
        function = inspect.unwrap(definition)
        docstring = inspect.getdoc(function)
        if not docstring:
            raise self.error(f"{self.arguments[0]} has no docstring")
        scope = definition._fixture_function_marker.scope
        body = [
            f":Type: {restify(_value_type(function), 'smart')}",
            f":Scope: {scope if isinstance(scope, str) else 'depends'}",
            "",
            *docstring.splitlines(),
        ]
        lines = [f".. fixture:: {name}", "", *(f"   {line}" for line in body)]
        self.env.note_dependency(inspect.getfile(function))
        source = f"docstring of {self.arguments[0]}"
        return nested_parse_to_nodes(
            self.state, StringList(lines, source), source=source
        )


class AutoHook(SphinxDirective):
    """``.. autohook:: module.name`` documents a hook, as ``autofunction`` does, and as a hook."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Called by Sphinx."""
        name = self.arguments[0]
        lines = [f".. autofunction:: {name}"]
        found = nested_parse_to_nodes(
            self.state, StringList(lines, "autohook"), source="autohook"
        )
        for node in found:
            for signature in node.findall(addnodes.desc_signature):
                self.env.domains.standard_domain.note_object(
                    "hook", name.rpartition(".")[2], signature["ids"][0]
                )
        return found


def _value_type(function: Any) -> Any:
    """What a test gets: the type that is returned, or yielded."""
    returned = get_type_hints(function)["return"]
    if get_origin(returned) in _YIELDING:
        return get_args(returned)[0]
    return returned


def _skip_fixtures(
    app: Sphinx, what: str, name: str, obj: object, skip: bool, options: object
) -> bool | None:
    """Leave fixtures out of ``automodule``: they are shown as fixtures."""
    return True if isinstance(obj, _FixtureDefinition) else None


def setup(app: Sphinx) -> ExtensionMetadata:
    """Called by Sphinx."""
    app.add_object_type("fixture", "fixture", "pair: %s; fixture", objname="fixture")
    app.add_object_type("hook", "hook", "pair: %s; hook", objname="hook")
    app.add_directive("autofixture", AutoFixture)
    app.add_directive("autohook", AutoHook)
    app.connect("autodoc-skip-member", _skip_fixtures)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

"""The options, documented from their definitions.

``autoconfval`` shows an option of the configuration file and ``autooption`` one of the command
line. Name, type, default and the first paragraph are what ``pytest --help`` prints; the body of
the directive says what does not fit there. An option that no page shows is a warning.
"""

from __future__ import annotations

import re
from typing import Any
from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.pycode import ModuleAnalyzer
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective
from sphinx.util.parsing import nested_parse_to_nodes
from sphinx.util.typing import ExtensionMetadata
from sphinx.util.typing import OptionSpec

from pytest_asyncio import config

_logger = logging.getLogger(__name__)


class _Definitions:
    """Takes the place of pytest's parser, and keeps what it is told."""

    def __init__(self) -> None:
        self.command_line: dict[str, dict[str, Any]] = {}
        self.file: dict[str, dict[str, Any]] = {}

    def getgroup(self, name: str, description: str) -> _Definitions:
        return self

    def addoption(self, name: str, **attributes: Any) -> None:
        self.command_line[name] = attributes

    def addini(self, name: str, **attributes: Any) -> None:
        self.file[name] = attributes


_DEFINED = _Definitions()
config.pytest_addoption(_DEFINED)  # type: ignore[arg-type]


def _sentence(help_text: str) -> str:
    # The default has a line of its own.
    help_text = re.sub(r" \(default: \w+\)|; default: \w+(?=\))", "", help_text)
    return f"{help_text[0].upper()}{help_text[1:].rstrip('.')}."


def _values(enumeration: str | None) -> list[str]:
    """What the values of an option mean, from the docstrings of an enumeration's members."""
    if enumeration is None:
        return []
    analyzer = ModuleAnalyzer.for_module(config.__name__)
    analyzer.analyze()
    lines: list[str] = []
    for member in getattr(config, enumeration):
        meaning = analyzer.attr_docs[enumeration, member.name]
        lines += [f"``{member}``", *(f"   {line}" for line in meaning), ""]
    return lines


def _literal(value: object) -> str:
    if value is None or isinstance(value, config._NotChosen):
        return "unset"
    return f"``{str(value).lower()}``"


class _AutoOption(SphinxDirective):
    required_arguments = 1
    has_content = True
    option_spec: ClassVar[OptionSpec] = {"values": directives.unchanged}
    known: ClassVar[dict[str, dict[str, Any]]]

    def header(self, name: str, attributes: dict[str, Any]) -> list[str]:
        """The directive that the definition becomes, without its body."""
        raise NotImplementedError

    def run(self) -> list[nodes.Node]:
        """Called by Sphinx."""
        (name,) = self.arguments
        if name not in self.known:
            raise self.error(f"there is no option {name}")
        attributes = self.known[name]
        self.env.note_dependency(config.__file__)
        lines = self.header(name, attributes)
        lines += ["", f"   {_sentence(attributes['help'])}", ""]
        lines += [f"   {line}" for line in _values(self.options.get("values"))]
        text = StringList(lines, f"definition of {name}")
        for number, line in enumerate(self.content):
            text.append(f"   {line}", *self.content.info(number))
        return nested_parse_to_nodes(self.state, text, source=f"definition of {name}")


class AutoConfval(_AutoOption):
    """``.. autoconfval:: name`` shows an option of the configuration file."""

    known = _DEFINED.file

    def header(self, name: str, attributes: dict[str, Any]) -> list[str]:
        """Called by the base."""
        return [
            f".. confval:: {name}",
            f"   :type: {attributes.get('type') or 'string'}",
            f"   :default: {_literal(attributes['default'])}",
        ]


class AutoCommandLine(_AutoOption):
    """``.. autooption:: --name`` shows an option of the command line."""

    known = _DEFINED.command_line

    def header(self, name: str, attributes: dict[str, Any]) -> list[str]:
        """Called by the base."""
        metavar = attributes.get("metavar")
        return [f".. option:: {name}" + (f"={metavar}" if metavar else "")]


def _all_are_shown(app: Sphinx, env: BuildEnvironment) -> None:
    shown = {name for name, *_ in env.domains.standard_domain.get_objects()}
    for name in (*_DEFINED.file, *_DEFINED.command_line):
        if name not in shown:
            _logger.warning("the option %s is not in the reference", name)


def setup(app: Sphinx) -> ExtensionMetadata:
    """Called by Sphinx."""
    app.add_directive("autoconfval", AutoConfval)
    app.add_directive("autooption", AutoCommandLine)
    app.connect("env-check-consistency", _all_are_shown)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

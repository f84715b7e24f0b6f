"""Drawings: SVG files that become part of the page.

A drawing that is part of the page takes its colours and fonts from it, so it is readable in the
light theme and in the dark one. Screen readers get the text of ``:alt:``, which is required.
"""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any
from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata
from sphinx.util.typing import OptionSpec


class Drawing(SphinxDirective):
    """``.. drawing:: file.svg`` with ``:alt:``; the body is the caption."""

    required_arguments = 1
    has_content = True
    option_spec: ClassVar[OptionSpec] = {"alt": directives.unchanged_required}

    def run(self) -> list[nodes.Node]:
        """Called by Sphinx."""
        relative, absolute = self.env.relfn2path(self.arguments[0])
        self.env.note_dependency(relative)
        alt = " ".join(self.options.get("alt", "").split())
        if not alt:
            raise self.error(f"{self.arguments[0]} needs an :alt:")
        svg = Path(absolute).read_text("utf-8")
        figure = nodes.figure(classes=["drawing"])
        figure += nodes.raw(
            "",
            svg.replace("<svg", f'<svg role="img" aria-label="{escape(alt)}"', 1),
            format="html",
        )
        if self.content:
            caption = nodes.caption()
            children: list[Any] = self.parse_content_to_nodes()
            for paragraph in children:
                caption += paragraph.children
            figure += caption
        return [figure]


def setup(app: Sphinx) -> ExtensionMetadata:
    """Called by Sphinx."""
    app.add_directive("drawing", Drawing)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

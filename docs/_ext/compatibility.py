"""The differences from pytest-asyncio 1.5.0, documented from the list that is tested.

``compatibility`` shows ``tests/compatibility/differences.toml``: ``tests/compatibility/run.py``
runs that release's own tests and fails if any other of them fails, or one of these does not.
"""

from __future__ import annotations

from pathlib import Path
import tomllib

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.parsing import nested_parse_to_nodes
from sphinx.util.typing import ExtensionMetadata

_LIST = Path(__file__).parents[2] / "tests" / "compatibility" / "differences.toml"


class Compatibility(SphinxDirective):
    """``.. compatibility::`` lists the tests that are meant to differ, with the reasons."""

    def run(self) -> list[nodes.Node]:
        """Called by Sphinx."""
        self.env.note_dependency(str(_LIST))
        lines: list[str] = []
        for entry in tomllib.loads(_LIST.read_text(encoding="utf-8"))["difference"]:
            names = [test.rpartition("::")[2] for test in entry["tests"]]
            lines += [
                f"* {' '.join(entry['reason'].split())}",
                "",
                *(f"  | ``{name}``" for name in names),
                "",
            ]
        return nested_parse_to_nodes(
            self.state, StringList(lines, str(_LIST)), source=str(_LIST)
        )


def setup(app: Sphinx) -> ExtensionMetadata:
    """Called by Sphinx."""
    app.add_directive("compatibility", Compatibility)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

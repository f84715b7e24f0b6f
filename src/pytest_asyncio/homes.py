"""Homes: the nodes of the collection tree that loops belong to, and their scopes.

A loop of module scope belongs to a module, and ends with it. Nothing here makes a loop.
"""

from __future__ import annotations

from typing import Any
from typing import TypeAlias

import pytest

from pytest_asyncio.config import ScopeName
from pytest_asyncio.config import SCOPES

Node: TypeAlias = pytest.Item | pytest.Collector
AnyFixtureDef: TypeAlias = pytest.FixtureDef[Any]


def home_of(node: Node, scope: ScopeName) -> Node:
    """The node that a loop of some scope belongs to, as seen from ``node``.

    It is never narrower than ``node``: outside of a class, class scope is function scope. A
    class inside another one has the loop of the outermost.
    """
    if scope == "session":
        return node.session
    if scope == "package":
        return node.getparent(pytest.Package) or node.session
    wider: Node | None = None
    if scope == "module":
        # Mostly the parent; pytest looks for it with a generator.
        wider = node.parent
        if not isinstance(wider, pytest.Module):
            wider = node.getparent(pytest.Module)
    elif scope == "class":
        wider = node.getparent(pytest.Class)
    return outermost(node if wider is None else wider)


def outermost(node: Node) -> Node:
    """The outermost of the classes around a class, or of such modules; any other node itself.

    What pytest has set up for a class is there for the classes in it, too. To pytest-describe, a
    block of tests is a module in a module.
    """
    for kind in (pytest.Class, pytest.Module):
        while isinstance(node, kind) and isinstance(node.parent, kind):
            node = node.parent
    return node


def scope_of(home: Node) -> ScopeName:
    """The scope of the loops that belong to ``home``."""
    if isinstance(home, pytest.Session):
        return "session"
    if isinstance(home, pytest.Item):
        return "function"
    if isinstance(home, pytest.Module):
        return "module"
    if isinstance(home, pytest.Class):
        return "class"
    return "package"


def is_narrower(scope: str, than: str) -> bool:
    """Whether one scope ends before another."""
    return SCOPES.index(scope) > SCOPES.index(than)

"""What editors show: a real language server and jedi are asked what they know of the package."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
import dataclasses
import itertools
import json
import os
from pathlib import Path
import subprocess
import sys
from typing import Any
from typing import Final
from typing import final
from typing import get_args
from typing import Protocol

import pytest

import pytest_asyncio

FIXTURE_KEYWORDS: Final = (
    "scope",
    "loop_scope",
    "params",
    "autouse",
    "ids",
    "name",
)
MARK_KEYWORDS: Final = ("loop_scope", "loop_factories")
SCOPES: Final = get_args(pytest_asyncio.ScopeName)
PUBLIC: Final = (*pytest_asyncio.__all__, "mark")


@final
@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """Where the cursor is in a file."""

    text: str
    line: int
    column: int

    @classmethod
    def of(cls, marked: str) -> Place:
        """A file that consists of the import, and of this text with ``|`` for the cursor."""
        before, after = f"import pytest_asyncio\n\n{marked}".split("|")
        *lines, last = before.split("\n")
        return cls(f"{before}{after}\n", len(lines), len(last))


class Editor(Protocol):
    """What an editor is asked for, whichever program it asks in turn."""

    def completions(self, marked: str) -> list[str]:
        """What could be written at the cursor."""
        ...

    def signatures(self, marked: str) -> list[str]:
        """Signatures of the call around the cursor, with the documentation."""
        ...

    def hover(self, marked: str) -> str:
        """What is shown about the name under the cursor."""
        ...


@final
class PyrightEditor:
    """Speaks the language server protocol with pyright's server.

    https://microsoft.github.io/language-server-protocol/specifications/lsp/3.17/specification/
    """

    def __init__(self, folder: Path) -> None:
        self._folder: Final = folder
        self._numbers: Final = itertools.count(1)
        self._server: Final = subprocess.Popen(
            [sys.executable, "-m", "pyright.langserver", "--stdio"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=folder,
        )
        documented = {"documentationFormat": ["plaintext"]}
        self._request(
            "initialize",
            {
                "processId": os.getpid(),
                "rootUri": folder.as_uri(),
                "workspaceFolders": [{"uri": folder.as_uri(), "name": "tests"}],
                "capabilities": {
                    "workspace": {"configuration": True, "workspaceFolders": True},
                    "textDocument": {
                        "completion": {"completionItem": documented},
                        "signatureHelp": {"signatureInformation": documented},
                        "hover": {"contentFormat": ["plaintext"]},
                    },
                },
            },
        )
        self._send({"method": "initialized", "params": {}})

    def close(self) -> None:
        """Stop the server."""
        self._request("shutdown", None)
        self._send({"method": "exit"})
        self._server.communicate(timeout=60)

    def completions(self, marked: str) -> list[str]:
        """What could be written at the cursor."""
        answer = self._at("completion", marked)
        return [item["label"] for item in answer["items"]]

    def signatures(self, marked: str) -> list[str]:
        """Signatures of the call around the cursor, with the documentation."""
        answer = self._at("signatureHelp", marked)
        return [
            f"{each['label']}\n{each['documentation']['value']}"
            for each in answer["signatures"]
        ]

    def hover(self, marked: str) -> str:
        """What is shown about the name under the cursor."""
        text: str = self._at("hover", marked)["contents"]["value"]
        return text

    def _at(self, what: str, marked: str) -> Any:
        place = Place.of(marked)
        uri = (self._folder / f"test_{next(self._numbers)}.py").as_uri()
        document = {
            "uri": uri,
            "languageId": "python",
            "version": 1,
            "text": place.text,
        }
        self._send(
            {"method": "textDocument/didOpen", "params": {"textDocument": document}}
        )
        return self._request(
            f"textDocument/{what}",
            {
                "textDocument": {"uri": uri},
                "position": {"line": place.line, "character": place.column},
            },
        )

    def _request(self, method: str, params: Mapping[str, object] | None) -> Any:
        number = next(self._numbers)
        self._send({"id": number, "method": method, "params": params})
        while True:
            message = self._receive()
            if message.get("method") == "workspace/configuration":
                items = message["params"]["items"]
                result = [self._configuration(item["section"]) for item in items]
                self._send({"id": message["id"], "result": result})
            elif "method" in message and "id" in message:
                self._send({"id": message["id"], "result": None})
            elif message.get("id") == number:
                assert "error" not in message, message
                return message["result"]

    def _configuration(self, section: str) -> Mapping[str, str]:
        return {"pythonPath": sys.executable} if section == "python" else {}

    def _send(self, message: Mapping[str, object]) -> None:
        assert self._server.stdin is not None
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self._server.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self._server.stdin.flush()

    def _receive(self) -> dict[str, Any]:
        assert self._server.stdout is not None
        length = 0
        while header := self._server.stdout.readline().strip():
            name, _, value = header.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        assert length, "the language server has closed the connection"
        message: dict[str, Any] = json.loads(self._server.stdout.read(length))
        return message


@final
class JediEditor:
    """Asks jedi, which completes in IPython, Jupyter and many editors."""

    def __init__(self, folder: Path) -> None:
        self._jedi: Final[Any] = pytest.importorskip("jedi")
        self._project: Final = self._jedi.Project(folder)
        # In a process of its own, as from an editor: here the package is imported already, and
        # jedi would look at the objects in place of the source.
        self._environment: Final = self._jedi.create_environment(
            sys.executable, safe=False
        )

    def completions(self, marked: str) -> list[str]:
        """What could be written at the cursor."""
        return [each.name for each in self._at("complete", marked)]

    def signatures(self, marked: str) -> list[str]:
        """Signatures of the call around the cursor, with the documentation."""
        return [each.docstring() for each in self._at("get_signatures", marked)]

    def hover(self, marked: str) -> str:
        """What is shown about the name under the cursor."""
        return "\n".join(each.docstring() for each in self._at("help", marked))

    def _at(self, what: str, marked: str) -> list[Any]:
        place = Place.of(marked)
        script = self._jedi.Script(
            place.text, project=self._project, environment=self._environment
        )
        # jedi counts lines from one, and columns from zero.
        answer: list[Any] = getattr(script, what)(place.line + 1, place.column)
        return answer


@pytest.fixture(scope="module")
def pyright(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PyrightEditor]:
    """pyright's language server."""
    pytest.importorskip("pyright")
    editor = PyrightEditor(tmp_path_factory.mktemp("pyright"))
    yield editor
    editor.close()


@pytest.fixture(scope="module")
def jedi(tmp_path_factory: pytest.TempPathFactory) -> JediEditor:
    """jedi."""
    return JediEditor(tmp_path_factory.mktemp("jedi"))


@pytest.fixture(params=["pyright", "jedi"])
def editor(request: pytest.FixtureRequest) -> Editor:
    """An editor that asks either."""
    found: Editor = request.getfixturevalue(request.param)
    return found


@pytest.mark.parametrize(
    "call, keywords",
    [
        ("pytest_asyncio.fixture(|)", FIXTURE_KEYWORDS),
        ("@pytest_asyncio.fixture(|)\nasync def value(): ...", FIXTURE_KEYWORDS),
        ("pytest_asyncio.mark(|)", MARK_KEYWORDS),
        ("pytestmark = pytest_asyncio.mark(|)", MARK_KEYWORDS),
    ],
)
def test_keywords_are_completed(
    editor: Editor, call: str, keywords: tuple[str, ...]
) -> None:
    """Inside of the parentheses an editor proposes every keyword."""
    proposed = set(editor.completions(call))
    assert {f"{keyword}=" for keyword in keywords} <= proposed


def test_deprecated_name_is_not_proposed(editor: Editor) -> None:
    """The marker's argument ``scope`` still works, but no editor proposes it."""
    assert "scope=" not in editor.completions("pytest_asyncio.mark(|)")


@pytest.mark.parametrize(
    "call",
    [
        'pytest_asyncio.fixture(scope="|")',
        'pytest_asyncio.fixture(loop_scope="|")',
        '@pytest_asyncio.fixture(loop_scope="|")\nasync def value(): ...',
        'pytest_asyncio.mark(loop_scope="|")',
        'scope: pytest_asyncio.ScopeName = "|"',
    ],
)
def test_scopes_are_completed(pyright: PyrightEditor, call: str) -> None:
    """Inside of the quotes of a scope a language server proposes the five, and no more."""
    assert pyright.completions(call) == [f'"{scope}"' for scope in SCOPES]


def test_public_names_are_completed(editor: Editor) -> None:
    """After the name of the package an editor proposes all that is public."""
    proposed = set(editor.completions("pytest_asyncio.|"))
    assert set(PUBLIC) <= proposed


def test_nothing_else_is_completed(pyright: PyrightEditor) -> None:
    """A language server proposes nothing that the package imports for itself."""
    proposed = {
        name
        for name in pyright.completions("pytest_asyncio.|")
        if not name.startswith("__")
    }
    public = {name for name in PUBLIC if not name.startswith("__")}
    assert proposed - public <= {"pytest_plugins", "plugin"}


@pytest.mark.parametrize(
    "call, keywords",
    [
        ("pytest_asyncio.fixture(|)", FIXTURE_KEYWORDS),
        ("pytest_asyncio.mark(|)", MARK_KEYWORDS),
    ],
)
def test_signature_help_shows_the_keywords(
    editor: Editor, call: str, keywords: tuple[str, ...]
) -> None:
    """While a call is written, its keywords are there with their types."""
    signatures = editor.signatures(call)
    assert signatures
    for signature in signatures:
        for keyword in keywords:
            assert f"{keyword}: " in signature
        assert "loop_scope: ScopeName | None" in signature


@pytest.mark.parametrize(
    "program, name",
    # Of overloads jedi knows only the docstrings that each has for itself; over the name of
    # the function it shows that of the function.
    [("pyright", "fixture"), ("pyright", "mark"), ("jedi", "mark")],
)
def test_signature_help_shows_the_docstring(
    request: pytest.FixtureRequest, program: str, name: str
) -> None:
    """While a call is written, the docstring of the function is there."""
    editor: Editor = request.getfixturevalue(program)
    shown = "\n".join(editor.signatures(f"pytest_asyncio.{name}(|)"))
    assert _first_sentence(getattr(pytest_asyncio, name)) in shown


def test_signature_help_shows_both_ways_to_use_the_decorator(editor: Editor) -> None:
    """Of the decorator there are two signatures: with arguments, and on a function."""
    with_arguments, on_function = editor.signatures("pytest_asyncio.fixture(|)")
    assert "fixture_function: None" in with_arguments
    assert "fixture_function: None" not in on_function
    assert "-> FixtureDefinition" in on_function


def test_signature_help_explains_the_argument_at_the_cursor(
    pyright: PyrightEditor,
) -> None:
    """A language server shows what the docstring says of the argument that is being written."""
    (signature,) = pyright.signatures("pytest_asyncio.mark(loop_scope=|)")
    assert ":param loop_scope: Scope of the event loop" in signature
    for scope in SCOPES:
        assert f'"{scope}"' in signature


@pytest.mark.parametrize(
    "name",
    [
        name
        for name in PUBLIC
        if callable(getattr(pytest_asyncio, name))
        # Aliases have no docstring that is there at run time.
        and name not in {"AsyncTest", "LoopFactories", "LoopFactory", "ScopeName"}
    ],
)
def test_hover_shows_the_docstring(editor: Editor, name: str) -> None:
    """Over each public function and class an editor shows what its docstring says."""
    shown = editor.hover(f"pytest_asyncio.{name}|")
    assert _first_sentence(getattr(pytest_asyncio, name)) in shown


@pytest.mark.parametrize(
    "name, explanation",
    [
        ("AsyncTest", "A test that pytest-asyncio runs"),
        ("LoopFactories", "Loop factories by name"),
        ("LoopFactory", "Makes an event loop"),
        ("ScopeName", "A scope, as pytest names it"),
    ],
)
def test_hover_explains_the_typed_names(
    pyright: PyrightEditor, name: str, explanation: str
) -> None:
    """A language server explains the names that are there to annotate with."""
    assert explanation in pyright.hover(f"pytest_asyncio.{name}|")


def test_hover_shows_what_a_fixture_is(pyright: PyrightEditor) -> None:
    """Over the name of a fixture a language server says that it is a fixture definition."""
    shown = pyright.hover(
        "@pytest_asyncio.fixture\nasync def value() -> int: ...\n\nvalue|"
    )
    assert "FixtureDefinition" in shown


def _first_sentence(documented: object) -> str:
    lines = (documented.__doc__ or "").strip().split("\n\n")[0].splitlines()
    assert lines
    return lines[0].strip()

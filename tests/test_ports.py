"""Ports nobody uses: unique in a session, whatever runs it, and free for all to bind."""

# The ranges that users cannot choose are chosen here: a whole one takes a second to exhaust.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
import errno
from itertools import pairwise
import os
from pathlib import Path
import random
import socket
import subprocess
import sys
from typing import assert_type
from typing import Final
from typing import final

import pytest

from pytest_asyncio import ports
from pytest_asyncio.ports import PortFactory

from conftest import Example

KINDS: Final[dict[ports._Protocol, socket.SocketKind]] = {
    "TCP": socket.SOCK_STREAM,
    "UDP": socket.SOCK_DGRAM,
}


def has_ipv6() -> bool:
    if not socket.has_ipv6:
        return False
    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind(("::1", 0))
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="the machine lacks IPv6")


def bind(protocol: ports._Protocol, port: int, *, reuse: bool = False) -> ExitStack:
    """Hold a port on loopback in every family, as a user's server would."""
    with ExitStack() as stack:
        for host in ["127.0.0.1", "::1"] if has_ipv6() else ["127.0.0.1"]:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            sock = stack.enter_context(socket.socket(family, KINDS[protocol]))
            if reuse:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((host, port))
            if protocol == "TCP":
                sock.listen()
        return stack.pop_all()


def only(port: int, protocol: ports._Protocol = "TCP") -> PortFactory:
    """Make a factory that has a single port to give."""
    return PortFactory(protocol, ports._PortNumbers(first=port, last=port))


def numbers(path: Path) -> list[int]:
    return [int(line) for line in path.read_text(encoding="ascii").split()]


def test_public_names() -> None:
    """``__all__`` is sorted, and it is what the module defines for others."""
    defined = {
        name
        for name, value in vars(ports).items()
        if not name.startswith("_")
        and (
            getattr(value, "__module__", None) == ports.__name__
            or isinstance(value, type(ports.unused_tcp_port))
        )
    }
    assert ports.__all__ == sorted(defined)


def test_types(
    unused_tcp_port: int,
    unused_udp_port: int,
    unused_tcp_port_factory: PortFactory,
    unused_udp_port_factory: PortFactory,
) -> None:
    """The fixtures are what their annotations say, and a factory passes for a plain callable."""
    plain: Callable[[], int] = unused_tcp_port_factory
    assert_type(unused_tcp_port_factory(), int)
    assert type(plain()) is int
    assert type(unused_tcp_port) is type(unused_udp_port) is int
    assert isinstance(unused_tcp_port_factory, PortFactory)
    assert isinstance(unused_udp_port_factory, PortFactory)
    assert repr(unused_tcp_port_factory) == "<PortFactory TCP>"
    assert repr(unused_udp_port_factory) == "<PortFactory UDP>"


@pytest.mark.parametrize("reuse", [False, True])
def test_bindable_at_once(
    unused_tcp_port_factory: PortFactory,
    unused_udp_port_factory: PortFactory,
    reuse: bool,
) -> None:
    """A port can be bound at once in both families, with and without ``SO_REUSEADDR``."""
    with ExitStack() as held:
        for _ in range(20):
            tcp, udp = unused_tcp_port_factory(), unused_udp_port_factory()
            held.enter_context(bind("TCP", tcp, reuse=reuse))
            held.enter_context(bind("UDP", udp, reuse=reuse))


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", None])
def test_servers_of_asyncio_start(
    unused_tcp_port: int, unused_udp_port: int, host: str | None
) -> None:
    """asyncio can listen on the ports, on loopback and everywhere."""

    async def serve() -> None:
        server = await asyncio.start_server(
            lambda reader, writer: None, host, unused_tcp_port
        )
        async with server:
            transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
                asyncio.DatagramProtocol,
                local_addr=(host or "127.0.0.1", unused_udp_port),
            )
            transport.close()

    asyncio.run(serve())


def test_held_and_released(
    unused_tcp_port_factory: PortFactory, unused_udp_port_factory: PortFactory
) -> None:
    """A port that was bound and released again is not handed out again, TCP or UDP."""
    seen: list[int] = []
    for _ in range(200):
        tcp, udp = unused_tcp_port_factory(), unused_udp_port_factory()
        bind("TCP", tcp).close()
        bind("UDP", udp).close()
        seen += [tcp, udp]
    assert len(set(seen)) == len(seen) == 400


def test_threads(
    unused_tcp_port_factory: PortFactory, unused_udp_port_factory: PortFactory
) -> None:
    """Threads that call the factories at the same time get different ports."""
    factories = [unused_tcp_port_factory, unused_udp_port_factory] * 400
    with ThreadPoolExecutor(8) as pool:
        calls = [pool.submit(factory) for factory in factories]
        seen = [call.result() for call in calls]
    assert len(set(seen)) == 800


def test_plain_fixtures_do_not_repeat(run: Example) -> None:
    """The plain fixtures draw from the factories: no test gets the port of another."""
    result = run(
        """
        import pytest

        SEEN = set()

        @pytest.mark.parametrize("n", range(50))
        def test_plain(
            n, unused_tcp_port, unused_udp_port,
            unused_tcp_port_factory, unused_udp_port_factory,
        ):
            SEEN.update([
                unused_tcp_port, unused_udp_port,
                unused_tcp_port_factory(), unused_udp_port_factory(),
            ])
            assert len(SEEN) == 4 * (n + 1)
        """,
        "-p",
        "no:randomly",
    )
    result.assert_outcomes(passed=50)


def test_scopes(run: Example) -> None:
    """The factories serve fixtures of session scope; a plain port is one for the whole test."""
    result = run(
        """
        import pytest

        @pytest.fixture(scope="session")
        def server_port(unused_tcp_port_factory, unused_udp_port_factory):
            return unused_tcp_port_factory(), unused_udp_port_factory()

        @pytest.fixture
        def url(unused_tcp_port):
            return f"http://localhost:{unused_tcp_port}"

        def test_it(server_port, url, unused_tcp_port):
            assert url.endswith(f":{unused_tcp_port}")
            assert len({*server_port, unused_tcp_port}) == 3
        """
    )
    result.assert_outcomes(passed=1)


def test_overridden_factories(run: Example) -> None:
    """Who overrides a factory fixture decides about the plain fixture as well."""
    result = run(
        """
        def test_overridden(unused_tcp_port, unused_udp_port):
            assert (unused_tcp_port, unused_udp_port) == (1001, 1002)
        """,
        conftest="""
        import pytest

        @pytest.fixture(scope="session")
        def unused_tcp_port_factory():
            return lambda: 1001

        @pytest.fixture
        def unused_udp_port_factory():
            return lambda: 1002
        """,
    )
    result.assert_outcomes(passed=1)


def test_extended_factory(run: Example) -> None:
    """An override may request the factory it replaces."""
    result = run(
        """
        def test_extended(unused_tcp_port, log):
            assert log == [unused_tcp_port]
        """,
        conftest="""
        import pytest

        @pytest.fixture(scope="session")
        def log():
            return []

        @pytest.fixture(scope="session")
        def unused_tcp_port_factory(unused_tcp_port_factory, log):
            def factory():
                log.append(unused_tcp_port_factory())
                return log[-1]

            return factory
        """,
    )
    result.assert_outcomes(passed=1)


def test_listed_with_a_sentence(run: Example) -> None:
    """``pytest --fixtures`` lists the four with a sentence that stands alone."""
    result = run("", "--fixtures")
    result.stdout.fnmatch_lines_random(
        [
            "unused_tcp_port -- *",
            "    Return an unused TCP port.",
            "unused_tcp_port_factory [[]session scope[]] -- *",
            "    Return a callable; every call returns another unused TCP port.",
            "unused_udp_port -- *",
            "    Return an unused UDP port.",
            "unused_udp_port_factory [[]session scope[]] -- *",
            "    Return a callable; every call returns another unused UDP port.",
        ]
    )


# What cannot be handed out


@pytest.mark.parametrize("protocol", KINDS)
def test_exhausted(
    unused_tcp_port_factory: PortFactory, protocol: ports._Protocol
) -> None:
    """When no port is left, the error says what was looked for, where, how often, and a way out."""
    port = unused_tcp_port_factory()
    factory = only(port, protocol)
    assert factory() == port
    for _ in range(2):
        with pytest.raises(RuntimeError) as caught:
            factory()
        assert str(caught.value).startswith(
            f"No unused {protocol} port is left between {port} and {port}."
            " 1 ports were tried here:"
        )
        assert "ask for fewer" in str(caught.value)


def test_exhausted_whole_range() -> None:
    """Every port of the whole range is handed out at most once, and then the search ends."""
    factory = PortFactory("UDP", ports._PortNumbers())
    seen: list[int] = []

    def drain() -> None:
        while True:
            seen.append(factory())

    with pytest.raises(RuntimeError, match=r"between 10240 and 65535\. 55296 ports"):
        drain()
    assert len(seen) == len(set(seen)) > 50_000
    assert min(seen) >= 10240
    assert max(seen) <= 65535


def test_exhausted_in_a_fixture(run: Example, unused_tcp_port: int) -> None:
    """A test whose port fixture finds nothing is an error with that message; the run goes on."""
    result = run(
        """
        def test_first(unused_tcp_port): pass
        def test_second(unused_tcp_port): pass
        def test_third(): pass
        """,
        conftest=f"""
        from pytest_asyncio import ports

        def pytest_configure(config):
            config.stash[ports._NUMBERS] = ports._PortNumbers(
                first={unused_tcp_port}, last={unused_tcp_port}
            )
        """,
    )
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(
        [
            ">   def test_second(unused_tcp_port): pass",
            "E*RuntimeError: No unused TCP port is left *",
            "test_example.py:3: RuntimeError",
        ]
    )
    result.stdout.no_fnmatch_line("*entries are hidden*")
    result.stdout.no_fnmatch_line("*pytest_asyncio/*.py*")


def test_factory_of_the_user_that_raises(run: Example) -> None:
    """Where the user's own factory raises, its line is shown."""
    result = run(
        "def test_it(unused_tcp_port): pass",
        conftest="""
        import pytest

        @pytest.fixture
        def unused_tcp_port_factory():
            def get():
                raise RuntimeError("the pool is empty")
            return get
        """,
    )
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["conftest.py:7: RuntimeError"])


HOLD = """
import socket, sys
kind, host, dual, *numbers = sys.argv[1:]
kind = socket.SocketKind(int(kind))
held = []
for number in map(int, numbers):
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind)
    if ":" in host:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, dual != "dual")
    if sys.platform != "win32":
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((host, number))
    if kind is socket.SOCK_STREAM:
        sock.listen()
    held.append(sock)
print("held", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("protocol", KINDS)
@pytest.mark.parametrize(
    "host, dual",
    [
        ("127.0.0.1", ""),
        ("0.0.0.0", ""),
        pytest.param("::1", "", marks=needs_ipv6),
        pytest.param("::", "", marks=needs_ipv6),
        pytest.param("::", "dual", marks=needs_ipv6),
    ],
)
def test_taken_between_two_calls(
    unused_tcp_port_factory: PortFactory,
    protocol: ports._Protocol,
    host: str,
    dual: str,
) -> None:
    """What another process binds between two calls, on any address, is passed over."""
    # The block of numbers that this port comes from is ours alone, in this session.
    first = unused_tcp_port_factory()
    first -= (first - ports._FIRST) % ports._BLOCK
    block = range(first, first + ports._BLOCK)
    free = [port for port in block if only(port, protocol)._is_free(port)]
    factory = PortFactory(protocol, ports._PortNumbers(first=first, last=block[-1]))
    given = factory()
    free.remove(given)
    spare = free.pop()
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            HOLD,
            str(int(KINDS[protocol])),
            host,
            dual,
            *map(str, free),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        assert factory() == spare
        with pytest.raises(RuntimeError, match="something is bound to it"):
            factory()
    assert process.returncode == 0


@pytest.mark.skipif(sys.platform == "win32", reason="no TIME_WAIT for plain bind()")
def test_port_in_time_wait(unused_tcp_port: int) -> None:
    """A port with a connection in TIME_WAIT, which a plain socket cannot bind, is passed over."""
    address = ("127.0.0.1", unused_tcp_port)
    with (
        socket.create_server(address) as server,
        socket.create_connection(address) as client,
    ):
        connection, _ = server.accept()
        connection.close()  # The server is first, so the server's port has to wait.
        assert client.recv(1) == b""
    with pytest.raises(RuntimeError, match="something is bound to it"):
        only(unused_tcp_port)()


# Machines that lack something


def lacking(
    monkeypatch: pytest.MonkeyPatch,
    *,
    families: frozenset[int] = frozenset(),
    hosts: frozenset[str] = frozenset(),
    code: int = errno.EAFNOSUPPORT,
    when: str = "open",
) -> None:
    """Replace the class of sockets by one that has seen a lesser machine."""

    @final
    class Socket(socket.socket):
        def __init__(
            self,
            family: int = -1,
            type: int = -1,  # noqa: A002 (the name is the standard library's)
            proto: int = -1,
            fileno: int | None = None,
        ) -> None:
            if when == "open" and family in families:
                raise OSError(code, os.strerror(code))
            super().__init__(family, type, proto, fileno)

        def setsockopt(self, *args: object) -> None:
            if when == "setsockopt" and self.family in families:
                raise OSError(code, os.strerror(code))
            super().setsockopt(*args)  # type: ignore[call-overload]

        def bind(self, address: tuple[str, int], /) -> None:  # type: ignore[override]
            if when == "bind" and (self.family in families or address[0] in hosts):
                raise OSError(code, os.strerror(code))
            super().bind(address)

    monkeypatch.setattr(socket, "socket", Socket)


IPV4 = frozenset({int(socket.AF_INET)})
IPV6 = frozenset({int(socket.AF_INET6)})


@pytest.mark.parametrize("protocol", KINDS)
@pytest.mark.parametrize(
    "when, code",
    [
        ("open", errno.EAFNOSUPPORT),
        ("setsockopt", errno.ENOPROTOOPT),
        ("bind", errno.EADDRNOTAVAIL),
    ],
)
def test_no_ipv6(
    monkeypatch: pytest.MonkeyPatch, protocol: ports._Protocol, when: str, code: int
) -> None:
    """A machine without IPv6, however it says so, gets ports that are free for IPv4."""
    lacking(monkeypatch, families=IPV6, when=when, code=code)
    if when == "setsockopt" and sys.platform == "win32":
        pytest.skip("options are set for IPv4 too")
    factory = PortFactory(protocol, ports._PortNumbers())
    seen = [factory() for _ in range(100)]
    assert len(set(seen)) == 100
    with socket.socket(socket.AF_INET, KINDS[protocol]) as sock:
        sock.bind(("127.0.0.1", seen[0]))
        with pytest.raises(RuntimeError, match="No unused"):
            only(seen[0], protocol)()


@needs_ipv6
@pytest.mark.parametrize("protocol", KINDS)
def test_no_ipv4(monkeypatch: pytest.MonkeyPatch, protocol: ports._Protocol) -> None:
    """A machine without IPv4 gets ports that are free for IPv6."""
    lacking(monkeypatch, families=IPV4)
    factory = PortFactory(protocol, ports._PortNumbers())
    assert len({factory() for _ in range(100)}) == 100


@pytest.mark.parametrize("protocol", KINDS)
def test_loopback_only(
    monkeypatch: pytest.MonkeyPatch, protocol: ports._Protocol
) -> None:
    """A sandbox that allows nothing but loopback gets ports that are free on loopback."""
    hosts = frozenset({"0.0.0.0", "::"})
    lacking(monkeypatch, hosts=hosts, when="bind", code=errno.EPERM)
    factory = PortFactory(protocol, ports._PortNumbers())
    port = factory()
    with bind(protocol, port), pytest.raises(RuntimeError, match="No unused"):
        only(port, protocol)()


def test_no_family(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with neither family gets an error that says so, and the reasons."""
    lacking(monkeypatch, families=IPV4 | IPV6)
    with pytest.raises(RuntimeError) as caught:
        PortFactory("UDP", ports._PortNumbers())
    assert "no UDP ports on this machine" in str(caught.value)
    assert os.strerror(errno.EAFNOSUPPORT) in str(caught.value)


def test_too_many_open_files(
    monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int
) -> None:
    """Being out of file descriptors is reported as such, not as a lack of ports or families."""
    factory = only(unused_tcp_port)
    lacking(monkeypatch, families=IPV4 | IPV6, code=errno.EMFILE)
    with pytest.raises(OSError, match=os.strerror(errno.EMFILE)):
        factory()
    with pytest.raises(OSError, match=os.strerror(errno.EMFILE)):
        only(unused_tcp_port)


def test_ephemeral_ports_are_all_taken(
    monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int
) -> None:
    """A machine that has no port left to choose by itself still has its families."""
    real = socket.socket.bind

    def no_choice(self: socket.socket, address: tuple[str, int]) -> None:
        if address[1] == 0:
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
        real(self, address)

    monkeypatch.setattr(socket.socket, "bind", no_choice)
    assert only(unused_tcp_port)() == unused_tcp_port


def test_windows_probes_exclusively(
    monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int
) -> None:
    """On Windows a plain bind() may share a port, so the probe asks to have it alone."""
    options: list[tuple[int, int]] = []

    @final
    class Socket(socket.socket):
        def setsockopt(self, *args: object) -> None:
            assert isinstance(args[0], int)
            assert isinstance(args[1], int)
            options.append((args[0], args[1]))

    with monkeypatch.context() as patch:
        patch.setattr(sys, "platform", "win32")
        patch.setattr(socket, "SO_EXCLUSIVEADDRUSE", -5, raising=False)
        patch.setattr(socket, "socket", Socket)
        ports._open(4, "TCP").close()
    assert options == [(socket.SOL_SOCKET, -5)]


# Which numbers


def test_ephemeral_ports_come_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ports that the system gives to outgoing connections are used when all others are."""
    monkeypatch.setattr(ports, "_ephemeral_ports", lambda: range(20040, 20050))
    drawn = list(ports._PortNumbers(first=20000, last=20099))
    assert sorted(drawn) == list(range(20000, 20100))
    # Blocks are claimed whole: the one that holds them begins at 20032.
    assert set(drawn[-32:]) == set(range(20032, 20064))


@pytest.mark.parametrize(
    "setting, expected",
    [
        ("15000\t15999\n", range(15000, 16000)),
        ("nonsense", range(32768, 61000)),
        (None, range(32768, 61000)),
    ],
)
def test_ephemeral_ports_of_linux(
    monkeypatch: pytest.MonkeyPatch, setting: str | None, expected: range
) -> None:
    """Linux says what it gives to outgoing connections; where it doesn't, its default counts."""

    def read_text(self: Path, encoding: str) -> str:
        assert self == Path("/proc/sys/net/ipv4/ip_local_port_range")
        if setting is None:
            raise FileNotFoundError
        return setting

    with monkeypatch.context() as patch:
        patch.setattr(sys, "platform", "linux")
        patch.setattr(Path, "read_text", read_text)
        assert ports._ephemeral_ports() == expected


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_ephemeral_ports_elsewhere(
    monkeypatch: pytest.MonkeyPatch, platform: str
) -> None:
    """macOS and Windows give the dynamic ports of the standard to outgoing connections."""
    with monkeypatch.context() as patch:
        patch.setattr(sys, "platform", platform)
        assert ports._ephemeral_ports() == range(49152, 65536)


def test_sessions_start_at_different_ports() -> None:
    """Sessions side by side seldom try the same ports, even if a plugin seeds the generator."""
    firsts: set[int] = set()
    state = random.getstate()
    try:
        for _ in range(20):
            random.seed(0)
            firsts.add(next(ports._PortNumbers()))
    finally:
        random.setstate(state)
    assert len(firsts) > 10


def test_neighbours_are_not_handed_out_in_a_row() -> None:
    """Using ``port + 1`` too seldom ends on the next port that is handed out."""
    drawn = list(ports._PortNumbers())
    rows = sum(b - a == 1 for a, b in pairwise(drawn))
    assert rows < len(drawn) / 10


def test_shared_directory(tmp_path: Path) -> None:
    """Those who share a directory divide the numbers: none is lost, none is drawn twice."""
    sharers = [ports._PortNumbers(tmp_path, first=20000, last=20999) for _ in range(3)]
    drawn = [[next(sharer) for sharer in sharers] for _ in range(40)]
    rest = [list(sharer) for sharer in sharers]
    everything = sorted(number for part in drawn + rest for number in part)
    assert everything == list(range(20000, 21000))
    assert [next(sharer, None) for sharer in sharers] == [None] * 3


def test_fake_file_system(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A test that replaces the file system (pyfakefs does) still gets ports."""

    def fake(path: object) -> None:
        raise FileNotFoundError(path)

    sharer = ports._PortNumbers(tmp_path)
    monkeypatch.setattr(os, "mkdir", fake)
    assert next(sharer)
    assert len(list(tmp_path.iterdir())) == 1


def test_shared_directory_vanishes(tmp_path: Path) -> None:
    """When the claims of the other workers are gone, ports are refused, not guessed."""
    gone = tmp_path / "gone"
    factory = PortFactory("TCP", ports._PortNumbers(gone))
    with pytest.raises(FileNotFoundError, match="gone"):
        factory()


# pytest-xdist

WORKER = """
import os
import socket

import pytest

try:
    import resource
except ImportError:
    pass
else:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 4096 if hard == resource.RLIM_INFINITY else min(4096, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))


@pytest.fixture(scope="session")
def ipv6():
    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.fixture(scope="session")
def take(request, worker_id, ipv6):
    held = []

    def take(kind, port, hold):
        with open(request.config.rootpath / f"{worker_id}.txt", "a") as file:
            print(port, file=file)
        for host in ["127.0.0.1", "::1"] if ipv6 else ["127.0.0.1"]:
            sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind)
            sock.bind((host, port))
            if kind is socket.SOCK_STREAM:
                sock.listen()
            if hold:
                held.append(sock)
            else:
                sock.close()

    yield take
    for sock in held:
        sock.close()
"""


def run_workers(run: Example, source: str, *args: str) -> pytest.RunResult:
    # Where they are installed, each worker would spend seconds on importing these.
    spared = ["-pno:anyio", "-pno:hypothesispytest", "-pno:trio"]
    return run(source, *spared, *args, conftest=WORKER, subprocess=True, timeout=100)


def test_workers_share_no_port(run: Example) -> None:
    """Eight workers take 500 TCP and 500 UDP ports each: no port twice, each bound at once.

    Half of them are held to the end of the session, half released; most come from the factories,
    some from the plain fixtures.
    """
    result = run_workers(
        run,
        """
        import socket
        import pytest

        @pytest.mark.parametrize("n", range(40))
        def test_plain(n, take, unused_tcp_port, unused_udp_port):
            take(socket.SOCK_STREAM, unused_tcp_port, n % 2)
            take(socket.SOCK_DGRAM, unused_udp_port, n % 2)

        @pytest.mark.parametrize("hold", [True, False])
        def test_factories(
            hold, take, unused_tcp_port_factory, unused_udp_port_factory
        ):
            for _ in range(230):
                take(socket.SOCK_STREAM, unused_tcp_port_factory(), hold)
                take(socket.SOCK_DGRAM, unused_udp_port_factory(), hold)
        """,
        "-n8",
        "--dist=each",
    )
    result.assert_outcomes(passed=8 * 42)
    files = sorted(run.pytester.path.glob("gw*.txt"))
    assert [file.stem for file in files] == [f"gw{n}" for n in range(8)]
    taken = [numbers(file) for file in files]
    assert [len(part) for part in taken] == [1000] * 8
    assert len(set[int]().union(*taken)) == 8000


def test_restarted_worker(run: Example) -> None:
    """The replacement of a crashed worker hands out neither its ports nor those of the living."""
    result = run_workers(
        run,
        """
        import os
        import socket
        import pytest

        @pytest.mark.parametrize("n", range(24))
        def test_ports(n, take, unused_tcp_port_factory, unused_udp_port_factory):
            for _ in range(50):
                take(socket.SOCK_STREAM, unused_tcp_port_factory(), False)
                take(socket.SOCK_DGRAM, unused_udp_port_factory(), False)
            if n % 8 == 3:
                os._exit(1)
        """,
        "-n2",
        "--max-worker-restart=4",
    )
    result.assert_outcomes(passed=21, failed=3)
    files = {file.stem: numbers(file) for file in run.pytester.path.glob("gw*.txt")}
    assert len(files) > 2
    seen = [port for part in files.values() for port in part]
    assert len(seen) == len(set(seen)) == 24 * 100


def test_workers_without_numbers(run: Example) -> None:
    """Workers may be called anything."""
    result = run_workers(
        run,
        """
        import socket

        def test_ports(take, unused_tcp_port_factory):
            for _ in range(100):
                take(socket.SOCK_STREAM, unused_tcp_port_factory(), False)
        """,
        "--dist=each",
        "--tx=popen//id=alice",
        "--tx=popen//id=bob",
    )
    result.assert_outcomes(passed=2)
    alice, bob = (
        numbers(run.pytester.path / f"{name}.txt") for name in ("alice", "bob")
    )
    assert len({*alice, *bob}) == 200


def test_workers_without_a_common_basetemp(
    run: Example, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Workers without a directory of the session's own meet where temporary files go."""
    for name in ("TMPDIR", "TEMP", "TMP"):
        monkeypatch.setenv(name, str(tmp_path))
    result = run_workers(
        run,
        """
        import socket

        def test_ports(take, unused_udp_port_factory):
            for _ in range(100):
                take(socket.SOCK_DGRAM, unused_udp_port_factory(), False)
        """,
        "-n2",
        "--dist=each",
        "-pno:tmpdir",
        "--testrunuid=nightly/7",
    )
    result.assert_outcomes(passed=2)
    seen = [
        port for file in run.pytester.path.glob("gw*.txt") for port in numbers(file)
    ]
    assert len(seen) == len(set(seen)) == 200
    assert (tmp_path / "pytest-asyncio-ports-nightly_7").is_dir()


def test_session_inside_a_worker(run: Example, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pytest run that a test in a worker starts is not a worker itself."""
    monkeypatch.setenv("PYTEST_XDIST_WORKER", "gw3")
    monkeypatch.setenv("PYTEST_XDIST_WORKER_COUNT", "8")
    monkeypatch.setenv("PYTEST_XDIST_TESTRUNUID", "outer")
    result = run("def test_it(unused_tcp_port, unused_udp_port): pass")
    result.assert_outcomes(passed=1)
    assert not list(run.pytester.path.rglob("pytest-asyncio-ports-*"))

"""Ports nobody uses: numbers a test can bind at once, none of them twice.

The module stands alone because ports have nothing to do with event loops. It imports nothing of
the package but `outcomes`, and not :mod:`asyncio`.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
import errno
import os
from pathlib import Path
import random
import re
import sys
import tempfile
import threading
from typing import Final
from typing import final
from typing import Literal
from typing import TYPE_CHECKING
from typing import TypeAlias

import pytest

from pytest_asyncio.outcomes import at_unless_shown
from pytest_asyncio.outcomes import is_hidden

if TYPE_CHECKING:
    import socket

__tracebackhide__ = is_hidden

__all__ = [
    "PortFactory",
    "unused_tcp_port",
    "unused_tcp_port_factory",
    "unused_udp_port",
    "unused_udp_port_factory",
]

# Below it are the ports that services people run by hand like to have, and 10080, which browsers
# and fetch() refuse to connect to (https://fetch.spec.whatwg.org/#port-blocking).
_FIRST: Final = 10240
_LAST: Final = 65535

# Ports are claimed by the block. A small block wastes little where there are many workers; a big
# one spares system calls.
_BLOCK: Final = 32

_Protocol: TypeAlias = Literal["TCP", "UDP"]
_IPVersion: TypeAlias = Literal[4, 6]

# For each version of IP the addresses to probe, the first that the machine lets us bind.
#
# The wildcard comes first: it is refused while *any* address of the machine has the port, so what
# passes can be bound on loopback, on one interface or on all. Probing loopback says less, above all
# on Windows, where binding it succeeds under the nose of a server that listens everywhere
# (https://learn.microsoft.com/en-us/windows/win32/winsock/using-so-reuseaddr-and-so-exclusiveaddruse).
# It is the second choice, for sandboxes that allow nothing but loopback.
_ADDRESSES: Final[tuple[tuple[_IPVersion, tuple[str, str]], ...]] = (
    (4, ("0.0.0.0", "127.0.0.1")),
    (6, ("::", "::1")),
)

# What socket() says when this process or the machine is out of resources, rather than out of the
# version of IP that was asked for.
_OUT_OF_RESOURCES: Final = frozenset(
    {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
)

_NO_PORT_LEFT: Final = (
    "No unused {protocol} port is left between {first} and {last}. {tried} ports were tried here:"
    " each was handed out earlier in this session, or something is bound to it; what is missing"
    " from the range belongs to other pytest-xdist workers. A port is never handed out twice in a"
    " session, so ask for fewer (tests can share one through a fixture of a wider scope), stop"
    " whatever occupies the range (`ss -ltun` or `netstat -an` lists it), or split the session."
)

_NO_FAMILY: Final = (
    "There are no {protocol} ports on this machine: a {protocol} socket cannot be bound, neither"
    " on IPv4 nor on IPv6 ({reason}). Give the tests a loopback interface, or let them bind to it."
)


@final
class PortFactory:
    """What :fixture:`unused_tcp_port_factory` and :fixture:`unused_udp_port_factory` return.

    Call it as often as ports are needed. It is thread-safe. Tests do not make one: they request
    the fixtures, and use the class to annotate them.

    For example::

        def test_cluster(unused_tcp_port_factory: PortFactory) -> None:
            ports = [unused_tcp_port_factory() for _ in range(3)]

    .. versionadded:: 2.0
    """

    __slots__ = ("_addresses", "_numbers", "_protocol")

    def __init__(self, protocol: _Protocol, numbers: _PortNumbers) -> None:
        self._protocol: Final = protocol
        self._numbers: Final = numbers
        self._addresses: Final = _bindable_addresses(protocol)

    def __call__(self) -> int:
        """Return a port that is free and that this session has not handed out before.

        It is free for IPv4 and, where the machine has it, for IPv6, on the loopback interface and,
        unless a sandbox forbids to look, on every other. It can be bound at once, with or without
        ``SO_REUSEADDR``. No other call in this session returns it, whichever the protocol, the
        factory or the pytest-xdist worker, even after the port has been released.

        The port is not reserved in the operating system: another program may still take it.
        To make that unlikely, ports that the system gives to outgoing connections come last.

        :returns: The port number.
        :raises RuntimeError: No port is left.
        :raises OSError: A socket to probe with cannot be opened, as when this process has too many
            files open.
        """
        for port in self._numbers:
            if self._is_free(port):
                return port
        raise RuntimeError(
            _NO_PORT_LEFT.format(
                protocol=self._protocol,
                first=self._numbers.first,
                last=self._numbers.last,
                tried=self._numbers.drawn,
            )
        )

    def _is_free(self, port: int) -> bool:
        for version, host in self._addresses:
            with _open(version, self._protocol) as sock:
                try:
                    sock.bind((host, port))
                except OSError:
                    # Whatever the reason (in use, reserved by Windows, forbidden): not this one.
                    return False
        return True

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._protocol}>"


def _open(version: _IPVersion, protocol: _Protocol) -> socket.socket:
    """Open a socket whose bind() is refused wherever anybody else's would be.

    Hence no ``SO_REUSEADDR``: with it, bind() passes over connections in TIME_WAIT and, on Windows,
    over live servers.
    """
    import socket  # Here, since most runs need no port, and it takes a sixth of our start.

    sock = socket.socket(
        socket.AF_INET if version == 4 else socket.AF_INET6,
        socket.SOCK_STREAM if protocol == "TCP" else socket.SOCK_DGRAM,
    )
    try:
        if sys.platform == "win32":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        if version == 6:
            # IPv4 has a socket of its own.
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    except OSError:
        sock.close()
        raise
    return sock


def _bindable_addresses(
    protocol: _Protocol,
) -> list[tuple[_IPVersion, str]]:
    """Find out, once, which versions of IP the machine has, and which address to probe for each.

    A version that is missing must not look like a port that is taken: every port would be, and the
    search for a free one would be in vain.
    """
    found: list[tuple[_IPVersion, str]] = []
    reasons: list[OSError] = []
    for version, hosts in _ADDRESSES:
        for host in hosts:
            try:
                with _open(version, protocol) as sock:
                    sock.bind((host, 0))
            except OSError as error:
                if error.errno in _OUT_OF_RESOURCES:
                    raise
                # EADDRINUSE: the system is out of ports to choose from, so it has this version.
                if error.errno != errno.EADDRINUSE:
                    reasons.append(error)
                    continue
            found.append((version, host))
            break
    if not found:
        raise RuntimeError(
            _NO_FAMILY.format(protocol=protocol, reason="; ".join(map(str, reasons)))
        )
    return found


@final
class _PortNumbers:
    """The numbers this process may use, in random order, each once; thread-safe.

    TCP and UDP draw from the same numbers: servers of DNS, SIP or HTTP/3 bind one number for both.

    Workers of pytest-xdist that share a machine share a directory. A worker claims a block of
    numbers by creating a subdirectory that is named after it: of several that try, one succeeds, on
    every platform, and the claim outlives a worker that crashes, so its replacement does not get
    the ports of the dead. Refused: to compute a slice from the number of the worker. Replacements
    are numbered on beyond the count of workers, ``--tx id=…`` makes names without a number, and
    slices wide enough for many workers are too narrow for thousands of ports. Refused too: a file
    with a lock around it, which is one more thing for a dying worker to leave behind.
    """

    __slots__ = (
        "_blocks",
        "_directory",
        "_lock",
        "_random",
        "_ready",
        "drawn",
        "first",
        "last",
    )

    # Taken while this module is imported: pyfakefs swaps ``os`` in all modules, and the functions
    # they imported from it, while a test runs, and there is no claiming in a fake file system.
    _mkdir = staticmethod(os.mkdir)

    def __init__(
        self,
        directory: Path | None = None,
        *,
        first: int = _FIRST,
        last: int = _LAST,
    ) -> None:
        """Prepare the numbers from *first* to *last*, both included.

        :param directory: An existing directory that all who must not get the same numbers share;
            None where there is nobody else.
        """
        self.first: Final = first
        self.last: Final = last
        self.drawn: int = 0
        self._directory: Final = directory
        self._lock: Final = threading.Lock()
        # Seeded by the operating system; plugins seed the one in the module with a constant.
        self._random: Final = random.Random()
        self._blocks: Final = iter(_shuffled_blocks(first, last, self._random))
        self._ready: list[int] = []

    def __iter__(self) -> Iterator[int]:
        return self

    def __next__(self) -> int:
        with self._lock:
            while not self._ready:
                block = next(self._blocks)
                if self._claim(block):
                    # Not in a row: whoever takes the liberty of using ``port + 1`` as well should
                    # seldom meet the next port we hand out.
                    self._ready = self._random.sample(block, len(block))
            self.drawn += 1
            return self._ready.pop()

    def _claim(self, block: range) -> bool:
        if self._directory is None:
            return True
        try:
            self._mkdir(self._directory / str(block.start))
        except FileExistsError:
            return False
        return True


def _shuffled_blocks(first: int, last: int, generator: random.Random) -> list[range]:
    """Cut a range of ports into blocks: random order, but ephemeral ports come last.

    The order is random so that sessions that run side by side on a machine, which know nothing of
    each other, seldom try the same port in the same moment.
    """
    ephemeral = _ephemeral_ports()
    blocks = [
        range(start, min(start + _BLOCK, last + 1))
        for start in range(first, last + 1, _BLOCK)
    ]
    generator.shuffle(blocks)

    def overlaps(block: range) -> bool:
        return block.start < ephemeral.stop and ephemeral.start < block.stop

    return sorted(blocks, key=overlaps)


def _ephemeral_ports() -> range:
    """Return the ports that the system gives to outgoing connections, hence takes at any time."""
    if sys.platform == "linux":
        setting = Path("/proc/sys/net/ipv4/ip_local_port_range")
        try:
            low, high = map(int, setting.read_text(encoding="ascii").split())
        except (OSError, ValueError):
            # The kernel's default: Documentation/networking/ip-sysctl.rst.
            low, high = 32768, 60999
    else:
        # RFC 6335, section 6; macOS and Windows keep to it.
        low, high = 49152, 65535
    return range(low, high + 1)


_NUMBERS: Final = pytest.StashKey[_PortNumbers]()


def _session_factory(config: pytest.Config, protocol: _Protocol) -> PortFactory:
    if _NUMBERS not in config.stash:
        config.stash[_NUMBERS] = _PortNumbers(_shared_directory(config))
    return PortFactory(protocol, config.stash[_NUMBERS])


def _shared_directory(config: pytest.Config) -> Path | None:
    """Return the directory that the pytest-xdist workers of this session share, if it is a worker.

    The configuration tells, and not the environment: a test in a worker may run pytest, and that
    session inherits ``PYTEST_XDIST_WORKER`` without being a worker.
    """
    worker: Mapping[str, str] | None = getattr(config, "workerinput", None)
    if worker is None:
        return None
    basetemp = config.getoption("basetemp", None)
    if basetemp and Path(basetemp).name == f"popen-{worker['workerid']}":
        # In the temporary directory of the session: pytest cleans up.
        parent = Path(basetemp).parent
    else:
        # A worker that was started through ssh or a socket, or ``-p no:tmpdir``: nobody cleans up,
        # but there are others like it on this machine.
        parent = Path(tempfile.gettempdir())
    session = re.sub(r"\W", "_", worker["testrunuid"])
    directory = parent / f"pytest-asyncio-ports-{session}"
    directory.mkdir(mode=0o700, exist_ok=True)
    return directory


def _port_of(factory: Callable[[], int], request: pytest.FixtureRequest) -> int:
    try:
        return factory()
    except (OSError, RuntimeError) as exc:
        at_unless_shown(request.node, exc)
        raise


@pytest.fixture(scope="session")
def unused_tcp_port_factory(request: pytest.FixtureRequest) -> PortFactory:
    """Return a callable; every call returns another unused TCP port.

    For tests that need several ports, and for fixtures of any scope. What a port fulfils is
    written at :meth:`PortFactory.__call__`.

    Override it, in a conftest file for example, and :fixture:`unused_tcp_port` follows.

    :returns: The factory, the same for the whole session.

    .. versionadded:: 0.2
    """
    return _session_factory(request.config, "TCP")


@pytest.fixture
def unused_tcp_port(
    request: pytest.FixtureRequest, unused_tcp_port_factory: Callable[[], int]
) -> int:
    """Return an unused TCP port.

    It comes from :fixture:`unused_tcp_port_factory`, so no other test of the session gets it, nor
    does a test that calls the factory too.

    :returns: The port number, the same for the whole test.

    .. versionadded:: 0.1
    """
    return _port_of(unused_tcp_port_factory, request)


@pytest.fixture(scope="session")
def unused_udp_port_factory(request: pytest.FixtureRequest) -> PortFactory:
    """Return a callable; every call returns another unused UDP port.

    For tests that need several ports, and for fixtures of any scope. What a port fulfils is
    written at :meth:`PortFactory.__call__`.

    Override it, in a conftest file for example, and :fixture:`unused_udp_port` follows.

    :returns: The factory, the same for the whole session.

    .. versionadded:: 0.17
    """
    return _session_factory(request.config, "UDP")


@pytest.fixture
def unused_udp_port(
    request: pytest.FixtureRequest, unused_udp_port_factory: Callable[[], int]
) -> int:
    """Return an unused UDP port.

    It comes from :fixture:`unused_udp_port_factory`, so no other test of the session gets it, nor
    does a test that calls the factory too.

    :returns: The port number, the same for the whole test.

    .. versionadded:: 0.17
    """
    return _port_of(unused_udp_port_factory, request)

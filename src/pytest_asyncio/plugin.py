"""What pytest loads: the hooks and fixtures of the package, gathered by import.

Nothing is defined here. The names are those that pytest looks for; the modules that they come
from say what they do. The hooks around tests and fixtures are not among them: `Running`, in
`running`, has them, so that a run without async tests can do without. ``pytest_addhooks``
registers it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_asyncio.collection import (
    pytest_collection_finish as pytest_collection_finish,
)
from pytest_asyncio.collection import (
    pytest_collection_modifyitems as pytest_collection_modifyitems,
)
from pytest_asyncio.collection import pytest_generate_tests as pytest_generate_tests
from pytest_asyncio.config import Mode as Mode
from pytest_asyncio.config import pytest_addoption as pytest_addoption
from pytest_asyncio.config import pytest_configure as pytest_configure
from pytest_asyncio.config import pytest_report_header as pytest_report_header
from pytest_asyncio.fixtures import fixture as fixture
from pytest_asyncio.former_names import _get_asyncio_mode as _get_asyncio_mode
from pytest_asyncio.former_names import _ScopeName as _ScopeName
from pytest_asyncio.former_names import _unused_port as _unused_port
from pytest_asyncio.former_names import PytestAsyncioFunction as PytestAsyncioFunction
from pytest_asyncio.former_names import SubRequest as SubRequest
from pytest_asyncio.former_names import wrap_in_sync as wrap_in_sync
from pytest_asyncio.former_runners import _class_scoped_runner as _class_scoped_runner
from pytest_asyncio.former_runners import (
    _function_scoped_runner as _function_scoped_runner,
)
from pytest_asyncio.former_runners import _module_scoped_runner as _module_scoped_runner
from pytest_asyncio.former_runners import (
    _package_scoped_runner as _package_scoped_runner,
)
from pytest_asyncio.former_runners import (
    _session_scoped_runner as _session_scoped_runner,
)
from pytest_asyncio.hookspecs import LoopFactory as LoopFactory
from pytest_asyncio.loop import _asyncio_loop_factory as _asyncio_loop_factory
from pytest_asyncio.loop import event_loop as event_loop
from pytest_asyncio.loop import event_loop_policy as event_loop_policy
from pytest_asyncio.loop import pytest_sessionstart as pytest_sessionstart
from pytest_asyncio.markers import is_async_test as is_async_test
from pytest_asyncio.ports import unused_tcp_port as unused_tcp_port
from pytest_asyncio.ports import unused_tcp_port_factory as unused_tcp_port_factory
from pytest_asyncio.ports import unused_udp_port as unused_udp_port
from pytest_asyncio.ports import unused_udp_port_factory as unused_udp_port_factory
from pytest_asyncio.running import pytest_addhooks as pytest_addhooks
from pytest_asyncio.running import (
    pytest_load_initial_conftests as pytest_load_initial_conftests,
)

if not TYPE_CHECKING:  # These are to tell what is misspelt.
    from pytest_asyncio.former_names import __getattr__ as __getattr__

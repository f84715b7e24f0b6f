"""The end of a loop: tasks, async generators and threads that are left, each within a bound.

What does not end in time is named, and the run goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from collections.abc import Coroutine
import concurrent.futures
import contextlib
import threading
import types
from typing import Any
from typing import Final
from typing import TypeVar

from pytest_asyncio.host_loop import outside_any_loop
from pytest_asyncio.tasks import all_tasks
from pytest_asyncio.tasks import cancel
from pytest_asyncio.tasks import describe
from pytest_asyncio.tasks import describe_generators
from pytest_asyncio.tasks import hide
from pytest_asyncio.tasks import show
from pytest_asyncio.tasks import silence

__tracebackhide__ = True

T = TypeVar("T")

GRACE: Final = 5.0
"""Seconds that cancelled tasks, and threads of the default executor, get to end."""


def complete(loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine of ours to its end, although user code may stop the loop meanwhile."""
    with outside_any_loop():
        try:
            task = loop.create_task(coroutine)
        except BaseException:
            coroutine.close()  # A task factory of the user's has raised.
            raise
        hide(task)  # Who cancels all tasks that there are does not mean this one.
        try:
            for _ in range(_STOPS):
                try:
                    return loop.run_until_complete(task)
                except RuntimeError as exc:
                    if not is_stop(exc):
                        raise
            return loop.run_until_complete(task)
        finally:
            show(task)


def is_stop(exception: RuntimeError) -> bool:
    """Whether ``run_until_complete()`` says that somebody has called ``stop()``."""
    # asyncio has no exception type for it; uvloop uses the same words.
    return str(exception).startswith("Event loop stopped before Future completed")


_STOPS: Final = 100
"""How often user code may stop a loop while it is being cleaned up."""


def known_executor(
    loop: asyncio.AbstractEventLoop,
) -> concurrent.futures.ThreadPoolExecutor | None:
    """Give a loop that hides its default executor, as uvloop does, one that is known.

    Its threads start with the first job, as always, and do not end unless that one does. They
    would be waited for without a limit.
    """
    if hasattr(loop, "_default_executor"):
        return None
    executor = concurrent.futures.ThreadPoolExecutor(thread_name_prefix="asyncio")
    try:
        loop.set_default_executor(executor)
    except NotImplementedError:
        return None  # A loop of the user's that has no executor.
    return executor


def has_leftovers(loop: asyncio.AbstractEventLoop) -> bool:
    """Whether closing the loop takes a turn of it.

    A turn costs as much as running a small test, and most loops end with nothing left. The
    attributes are private; where a loop (uvloop's) has none of them, it gets its turn.
    """
    return bool(
        getattr(loop, "_ready", True)
        or getattr(loop, "_asyncgens", True)
        or _is_users_own(loop, "shutdown_asyncgens")
        or _is_users_own(loop, "shutdown_default_executor")
        or getattr(loop, "_default_executor", True)
        or all_tasks(loop)
    )


def _is_users_own(loop: asyncio.AbstractEventLoop, name: str) -> bool:
    """Whether user code has a method of its own, which it wants to be called."""
    method = getattr(type(loop), name, None)
    return (
        method is not getattr(asyncio.BaseEventLoop, name)
        and isinstance(method, types.FunctionType)  # uvloop's are none.
    ) or name in getattr(loop, "__dict__", ())


async def turns(number: int) -> None:
    """Let what is ready happen, and what follows from it."""
    for _ in range(number):
        await asyncio.tasks.sleep(0)


async def settle(futures: Collection[asyncio.Future[Any]]) -> None:
    """Let tasks end that have nothing to wait for; some turns of the loop are enough for it."""
    for _ in range(20):
        if all(future.done() for future in futures):
            return
        await asyncio.tasks.sleep(0)


async def wait(
    loop: asyncio.AbstractEventLoop,
    futures: Collection[asyncio.Future[Any]],
    seconds: float,
) -> None:
    """Wait until futures are done, but not for ever.

    The seconds are a thread's. The loop's own clock may be one that user code has stopped, or
    that it turns by hand.
    """
    await settle(futures)
    left = {future for future in futures if not future.done()}
    if not left:
        return
    end = loop.create_future()

    def finish() -> None:
        if not end.done():
            end.set_result(None)

    def done(future: asyncio.Future[Any]) -> None:
        left.discard(future)
        if not left:
            finish()

    for future in tuple(left):
        future.add_done_callback(done)
    timer = threading.Timer(seconds, loop.call_soon_threadsafe, [finish])
    timer.daemon = True
    timer.start()
    try:
        await end
    finally:
        timer.cancel()
        for future in futures:
            future.remove_done_callback(done)
    # Suites count threads, and some forbid to wait for one in a running loop.
    while timer.is_alive():
        await asyncio.tasks.sleep(0)


async def wait_for_cancelled(
    loop: asyncio.AbstractEventLoop,
    tasks: Collection[asyncio.Task[Any]],
    ring: Collection[asyncio.Task[Any]],
    seconds: float,
) -> None:
    """Wait until cancelled tasks are done, but not for ever.

    :param ring: Those of them that go round in a ring. Some may have been cancelled all the same.
    """
    await wait(loop, [task for task in tasks if task not in ring], seconds)
    await wait(loop, ring, min(seconds, 1.0))


async def shut_down(
    loop: asyncio.AbstractEventLoop,
    stuck: Collection[asyncio.Task[Any]],
    executor: concurrent.futures.ThreadPoolExecutor | None,
) -> list[str]:
    """Cancel what is pending, and end async generators and the default executor.

    :param loop: The loop, which is running.
    :param stuck: Tasks that had their time already, and have been reported.
    :param executor: The default executor of a loop that hides it.
    :returns: What did not end, each described in a line.
    """
    left: list[str] = []
    current = asyncio.tasks.current_task(loop)
    pending = {
        task for task in all_tasks(loop) if task is not current and task not in stuck
    }
    ring = {task for task in pending if not cancel(task)}
    if pending:
        await wait_for_cancelled(loop, pending, ring, GRACE)
        done = {task for task in pending if task.done()}
        pending -= done
        for task in done:
            _tell(
                loop, task, "a pending task was cancelled at the end of its event loop"
            )
        for task in pending:
            silence(task)
            what = "did not end when it was cancelled"
            if task in ring:
                what = "waits, by way of other tasks, for itself"
            left.append(f"{describe(task)}, {what}")
    left += await _shut_down_generators(loop)
    left += await _shut_down_executor(
        loop, getattr(loop, "_default_executor", None) or executor
    )
    return left


def _tell(loop: asyncio.AbstractEventLoop, task: asyncio.Task[Any], when: str) -> None:
    """Tell the loop's exception handler what a task has raised, if it has."""
    if not task.cancelled() and (exc := task.exception()) is not None:
        loop.call_exception_handler(
            {"message": f"exception while {when}", "exception": exc, "task": task}
        )


async def _shut_down_generators(loop: asyncio.AbstractEventLoop) -> list[str]:
    before = asyncio.tasks.all_tasks(loop)
    shut_down = asyncio.tasks.ensure_future(loop.shutdown_asyncgens())
    if await _has_ended(loop, shut_down, "async generators were closed"):
        return []
    closing = asyncio.tasks.all_tasks(loop) - before - {shut_down}
    left = describe_generators(closing)
    shut_down.cancel()
    await wait(loop, [shut_down, *closing], min(GRACE, 1.0))
    return [f"{each}, did not end when it was closed" for each in left]


async def _has_ended(
    loop: asyncio.AbstractEventLoop, step: asyncio.Task[None], what: str
) -> bool:
    """Whether a step of the shut-down ends in time; what it raises is told."""
    await wait(loop, [step], GRACE)
    if not step.done():
        return False
    _tell(loop, step, f"{what} at the end of their event loop")
    return True


async def _shut_down_executor(
    loop: asyncio.AbstractEventLoop,
    executor: concurrent.futures.ThreadPoolExecutor | None,
) -> list[str]:
    is_users_own = _is_users_own(loop, "shutdown_default_executor")
    left: list[str] = []
    # It may be a loop that no thread can wake up, and one that knows what to do then.
    if executor is not None and not (
        is_users_own and _is_users_own(loop, "call_soon_threadsafe")
    ):
        left = await _wait_for_threads(loop, executor)
    if not left and is_users_own:
        step = asyncio.tasks.ensure_future(loop.shutdown_default_executor())
        if not await _has_ended(loop, step, "the default executor was shut down"):
            step.cancel()
            left.append("shutdown_default_executor() of the loop did not end")
    return left


async def _wait_for_threads(
    loop: asyncio.AbstractEventLoop, executor: concurrent.futures.ThreadPoolExecutor
) -> list[str]:
    executor.shutdown(wait=False, cancel_futures=True)
    threads = list(getattr(executor, "_threads", ()))
    ended = loop.create_future()

    def join() -> None:
        for thread in threads:
            thread.join()
        with contextlib.suppress(RuntimeError):  # Too late: the loop is closed.
            loop.call_soon_threadsafe(ended.set_result, None)

    if any(thread.is_alive() for thread in threads):
        joiner = threading.Thread(target=join, daemon=True)
        joiner.start()
        await wait(loop, [ended], GRACE)
        if ended.done():
            joiner.join()
    return [
        f"thread {thread.name!r} of the default executor did not end, and Python will "
        "wait for it when the run is over"
        for thread in threads
        if thread.is_alive()
    ]

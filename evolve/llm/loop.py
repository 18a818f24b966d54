"""An event loop in a thread of its own, for callers in other threads."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError
from typing import Any, TypeVar

__all__ = ["Loop"]

T = TypeVar("T")


class Loop:
    """Begins with the first task. After `close` nothing runs: what still did is cancelled."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._mutex = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = False

    def run(self, task: Coroutine[Any, Any, T]) -> T:
        """Blocks. Raises what the task raises; CancelledError (of concurrent.futures) where `close` came first."""
        with self._mutex:
            if self._closed:
                task.close()
                raise CancelledError
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._loop.run_forever, name="llm", daemon=True)
                self._thread.start()
            future = asyncio.run_coroutine_threadsafe(task, self._loop)
        return future.result()

    def close(self, last: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """`last`: what is to be done in the loop after everything else was cancelled."""
        with self._mutex:
            if self._closed:
                return
            self._closed = True
        if self._loop is None or self._thread is None:
            return
        asyncio.run_coroutine_threadsafe(self._end(last), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _end(self, last: Callable[[], Coroutine[Any, Any, None]]) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await last()
        await asyncio.get_running_loop().shutdown_default_executor()

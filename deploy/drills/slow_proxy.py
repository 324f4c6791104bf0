"""A TCP proxy on loopback that holds every answer back for a while."""

from __future__ import annotations

import asyncio
import threading
from types import TracebackType


class SlowProxy:
    """Passes bytes on to a port of loopback; `delay_s` may be changed at any time. A thread of its own runs it."""

    def __init__(self, port: int) -> None:
        self._to = port
        self.delay_s = 0.0
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._up = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> SlowProxy:
        self._thread.start()
        self._up.wait()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._connected, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._up.set()
        self._loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._to)
        except OSError:
            writer.close()
            return
        await asyncio.gather(_pass_on(reader, far_writer, None), _pass_on(far_reader, writer, self))


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, slow: SlowProxy | None) -> None:
    try:
        while data := await reader.read(65_536):
            if slow is not None and slow.delay_s:
                await asyncio.sleep(slow.delay_s)
            writer.write(data)
            await writer.drain()
    except OSError:
        pass  # either side hung up
    finally:
        writer.close()

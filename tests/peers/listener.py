# SPDX-License-Identifier: GPL-2.0-or-later
"""A listening port of a scripted peer: when it stops, all its connections are over and nothing of them is left to the
event loop, also those that came while it was stopping."""

import asyncio


class Listener:
    """`serve(reader, writer)` is a coroutine for one connection, which is closed when it returns."""

    def __init__(self, serve, port=0, limit=1 << 16):
        self._serve = serve
        self._limit = limit
        self._tasks = set()
        self._server = None
        self._stopped = False
        self.port = port  # 0: any, known after `start`

    async def start(self):
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port, limit=self._limit)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def _accept(self, reader, writer):
        # Not a coroutine: asyncio would begin it later, and `stop` would not know of it.
        if self._stopped:
            writer.transport.abort()
            return
        task = asyncio.create_task(self._run(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, reader, writer):
        try:
            await self._serve(reader, writer)
        finally:
            writer.close()

    def close(self):
        """Nobody gets in any more; what is open stays. `start` opens the same port again."""
        self._server.close()

    async def stop(self):
        self._stopped = True
        self.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

"""A TCP proxy that loses a connection at a chosen word: before it is passed on, or after, with the answer to it."""

import asyncio


class CuttingProxy:
    """Listens on a free port of loopback; ``cut_at`` arms it once."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._word = b""
        self._passes_on = False
        self.cuts = 0
        self.server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        assert self.server is not None
        found: int = self.server.sockets[0].getsockname()[1]
        return found

    async def __aenter__(self) -> "CuttingProxy":
        self.server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self.server is not None
        self.server.close()

    def cut_at(self, word: bytes, *, passes_on: bool) -> None:
        """Lose the next connection whose client says ``word``; ``passes_on``: the server still hears it."""
        self._word, self._passes_on = word, passes_on

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._target)
        is_cut = asyncio.Event()

        async def forth() -> None:
            while data := await reader.read(65536):
                if self._word and self._word in data:
                    self._word = b""
                    self.cuts += 1
                    is_cut.set()
                    if self._passes_on:
                        back.write(data)
                        await back.drain()
                        await there.read(65536)  # its answer: the server has done it
                    break
                back.write(data)
            writer.transport.abort()
            back.transport.abort()

        async def home() -> None:
            while data := await there.read(65536):
                if is_cut.is_set():
                    return
                writer.write(data)
            writer.close()

        try:
            await asyncio.gather(forth(), home())
        except OSError:
            pass
        finally:
            for one in (writer, back):
                one.transport.abort()

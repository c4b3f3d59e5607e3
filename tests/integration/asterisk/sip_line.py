"""A bare SIP socket for tests: sends requests from a port of its choice and reads the answers."""

import asyncio
import contextlib
import hashlib
import itertools
import re
from collections.abc import AsyncIterator
from typing import cast

HOST = "127.0.0.1"
_NUMBERS = itertools.count(1)
_TAG = "line"


class SipLine(asyncio.DatagramProtocol):
    def __init__(self, pbx_port: int) -> None:
        self._pbx_port = pbx_port
        self._received: asyncio.Queue[str] = asyncio.Queue()
        self._transport: asyncio.DatagramTransport | None = None
        self.port = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        self._received.put_nowait(data.decode(errors="replace"))

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def _send(self, text: str) -> None:
        assert self._transport is not None
        self._transport.sendto(text.encode(), (HOST, self._pbx_port))

    def request(
        self,
        method: str,
        user: str,
        caller: str,
        headers: str = "",
        call_id: str = "",
        number: int = 1,
        display: str = "",
    ) -> str:
        call_id = call_id or f"{next(_NUMBERS)}-{self.port}"
        body = (
            f"v=0\r\no=- 1 1 IN IP4 {HOST}\r\ns=-\r\nc=IN IP4 {HOST}\r\nt=0 0\r\nm=audio {self.port + 1} RTP/AVP 0\r\n"
            if method == "INVITE"
            else ""
        )
        kind = "Content-Type: application/sdp\r\n" if body else ""
        self._send(
            f"{method} sip:{user + '@' if user else ''}{HOST}:{self._pbx_port} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {HOST}:{self.port};branch=z9hG4bK{call_id}-{number}{method}\r\n"
            f"From: {display}<sip:{caller}@{HOST}>;tag={_TAG}\r\nTo: <sip:{user or caller}@{HOST}>\r\n"
            f"Call-ID: {call_id}\r\nCSeq: {number} {method}\r\nMax-Forwards: 70\r\n"
            f"Contact: <sip:{caller}@{HOST}:{self.port}>\r\n{headers}{kind}Content-Length: {len(body)}\r\n\r\n{body}"
        )
        return call_id

    async def answer(self, call_id: str, seconds: float = 3) -> tuple[int, str]:
        """Return (status, text) of the next final or ringing answer of this call."""
        async with asyncio.timeout(seconds):
            while True:
                text = await self._received.get()
                status = int(text.split(" ", 2)[1]) if text.startswith("SIP/2.0 ") else 0
                if status > 100 and f"Call-ID: {call_id}" in text:
                    return status, text

    async def register(self, user: str, secret: str) -> int:
        call_id = self.request("REGISTER", "", user)
        status, text = await self.answer(call_id)
        if status != 401:
            return status
        challenge = dict(re.findall(r'(\w+)="([^"]*)"', text))
        uri = f"sip:{HOST}:{self._pbx_port}"
        first = _md5(f"{user}:{challenge['realm']}:{secret}")
        digest = _md5(f"{first}:{challenge['nonce']}:00000001:c0:auth:{_md5(f'REGISTER:{uri}')}")
        credentials = (
            f'Authorization: Digest username="{user}", realm="{challenge["realm"]}", nonce="{challenge["nonce"]}", '
            f'uri="{uri}", response="{digest}", algorithm=MD5, qop=auth, nc=00000001, cnonce="c0"\r\nExpires: 120\r\n'
        )
        if "opaque" in challenge:
            credentials = credentials.replace("\r\n", f', opaque="{challenge["opaque"]}"\r\n', 1)
        self.request("REGISTER", "", user, credentials, call_id, 2)
        return (await self.answer(call_id))[0]


def _md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


@contextlib.asynccontextmanager
async def sip_line(pbx_port: int, port: int = 0) -> AsyncIterator[SipLine]:
    loop = asyncio.get_running_loop()
    _, line = await loop.create_datagram_endpoint(lambda: SipLine(pbx_port), local_addr=(HOST, port))
    try:
        yield line
    finally:
        line.close()

"""A listener of our own at Asterisk's manager: how long after its record Asterisk itself told of a call.

What the program says of an instant is the manager's stamp. On a busy machine Asterisk's thread that writes to the
manager runs late, by 100 to 200 ms beside servers that start; that lateness is Asterisk's and is forgiven as measured.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.oracle.calls import Call

MOST = 0.5  # seconds; a worse lateness is no lateness
_AGAIN = 0.05


@dataclass(slots=True)
class ManagerWitness:
    """By a channel's Uniqueid the stamps of its first BridgeEnter and of its Hangup, epoch seconds."""

    numbers: Mapping[str, Any]
    bridged_at: dict[str, float] = field(default_factory=dict)
    hung_up_at: dict[str, float] = field(default_factory=dict)

    def lateness(self, calls: Iterable[Call]) -> float:
        """Return the worst of the calls that were heard, in seconds, never more than half a second."""
        late = [0.0]
        for call in calls:
            for told, happened in ((self.bridged_at, call.answered_at), (self.hung_up_at, call.ended_at)):
                if happened is not None and call.uniqueid in told:
                    late.append(told[call.uniqueid] - happened)
        return min(max(late), MOST)

    async def watch(self) -> None:
        """Listen until cancelled, again and again: faults end manager sessions and Asterisk itself."""
        while True:
            with contextlib.suppress(OSError, EOFError):
                await self._listen()
            await asyncio.sleep(_AGAIN)

    async def _listen(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.numbers["ami_port"])
        try:
            login = ("Action: Login", "Username: contactcenter", f"Secret: {self.numbers['ami_secret']}")
            writer.write("\r\n".join([*login, "", ""]).encode())
            while True:
                self.take(await reader.readuntil(b"\r\n\r\n"))
        finally:
            writer.close()

    def take(self, message: bytes) -> None:
        """Note a BridgeEnter or Hangup; everything else is passed over."""
        lines = (line.partition(": ") for line in message.decode("utf-8", "replace").splitlines())
        told = {name: value for name, _, value in lines}
        if told.get("Event") == "Hangup":
            self.hung_up_at[told["Uniqueid"]] = float(told["Timestamp"])
        elif told.get("Event") == "BridgeEnter":
            self.bridged_at.setdefault(told["Uniqueid"], float(told["Timestamp"]))


@contextlib.asynccontextmanager
async def manager_witness(numbers: Mapping[str, Any]) -> AsyncIterator[ManagerWitness]:
    """Listen while the block runs. ``numbers``: ``Server.numbers``."""
    witness = ManagerWitness(numbers)
    task = asyncio.get_running_loop().create_task(witness.watch())
    try:
        yield witness
    finally:
        task.cancel()

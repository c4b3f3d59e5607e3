"""Agents at their desks who write notes, tickets and dispositions, and the list of what they were told is kept.

The list stands outside the server, so whatever befalls that one cannot make it forget. A write is ``sent`` before it
goes out and ``kept`` once its answer says so (HTTP 2xx, a reply on the socket); one that is sent and never answered may
be there or not, but never twice. ``Ledger.missing`` compares all of it with the rows.
"""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from websockets.exceptions import WebSocketException

from tests.rig.desktop import Desktop, Refused
from tests.rig.server import DISPOSITIONS, Server

UNKNOWN = (
    aiohttp.ClientConnectionError,
    aiohttp.ClientPayloadError,
    WebSocketException,
    OSError,
    EOFError,
    TimeoutError,
)
"""What a lost line raises: nobody knows whether the write was heard."""

Part = tuple[str, str]
"""An agent's part of an interaction: (interaction id, agent id)."""


@dataclass
class Ledger:
    """All that was sent and kept. Notes and dispositions: the last one counts; tickets are told apart by subject."""

    notes: dict[Part, list[str]] = field(default_factory=dict)
    kept_notes: dict[Part, int] = field(default_factory=dict)
    dispositions: dict[Part, str] = field(default_factory=dict)
    sent_dispositions: dict[Part, set[str]] = field(default_factory=dict)
    tickets: dict[str, str] = field(default_factory=dict)
    sent_tickets: set[str] = field(default_factory=set)
    counts: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def figures(self) -> dict[str, Any]:
        return {**dict(sorted(self.counts.items())), "refused": dict(sorted(self.refusals.items()))}

    def missing(self, server: Server) -> list[str]:
        """Return what is not as it was acknowledged; [] when nothing is lost or doubled."""
        kept, dispositions, tickets = dict(self.kept_notes), dict(self.dispositions), dict(self.tickets)
        found: list[str] = []
        rows = server.rows("select interaction_id, agent_id, note, disposition from segments")
        parts: dict[Part, list[Any]] = {}
        for row in rows:
            parts.setdefault((row["interaction_id"], row["agent_id"]), []).append(row)
        for part, number in kept.items():
            notes = [row["note"] for row in parts.get(part, [])]
            if not any(note in self.notes[part][number:] for note in notes):
                found.append(f"note of {part}: {notes}, kept was {self.notes[part][number]!r}")
        for part, code in dispositions.items():
            codes = [row["disposition"] for row in parts.get(part, [])]
            if not set(codes) & (self.sent_dispositions[part] if codes != [""] else {code}):
                found.append(f"disposition of {part}: {codes}, kept was {code!r}")
        subjects = Counter(row["subject"] for row in server.rows("select subject from tickets"))
        ids = {row["id"]: row["subject"] for row in server.rows("select id, subject from tickets")}
        found += [f"ticket {one!r} is lost" for one, number in tickets.items() if ids.get(number) != one]
        found += [f"ticket {one!r} is there {count} times" for one, count in subjects.items() if count > 1]
        found += [f"ticket {one!r} was never sent" for one in subjects.keys() - self.sent_tickets]
        return found


class Desk:
    """One agent with one page. It comes back by itself, as a browser's does."""

    def __init__(self, server: Server, login: str, ledger: Ledger, seed: object) -> None:
        self.server, self.login, self.ledger = server, login, ledger
        self.agent_id = server.agent_ids[login]
        self.dice = random.Random(f"{seed} {login}")
        self.page: Desktop | None = None
        self.done: set[str] = set()
        self.count = 0

    async def sit(self) -> None:
        """For ever: connect, work, and connect again when the line is lost."""
        while True:
            try:
                await self._connect()
                await self._work()
            except UNKNOWN:
                self.ledger.counts["lines lost"] += 1
                await asyncio.sleep(0.2 + 0.3 * self.dice.random())
            except AssertionError as error:  # a frame that does not follow the one before
                self.ledger.faults.append(f"{self.login}: {error}")
                self.page = None

    async def leave(self) -> None:
        if self.page is not None:
            with suppress(*UNKNOWN):
                await self.page.close()

    async def _connect(self) -> None:
        before = self.page
        more: dict[str, Any] = {}
        if before is not None:
            await self.leave()
            more = {"instance": before.instance, "resume": (before.epoch, before.seq), "slots": before.slots}
        self.page = await asyncio.wait_for(self.server.desktop(self.login, **more), 10)

    async def _work(self) -> None:
        assert self.page is not None
        while True:
            work = await self.page.until(self._next_work, 3600)
            await self._write(work["interaction_id"], work["state"])

    def _next_work(self, page: Desktop) -> dict[str, Any] | None:
        found = [one for one in page.of("work") if one["state"] in ("talking", "wrap-up")]
        return next((one for one in found if f"{one['interaction_id']} {one['state']}" not in self.done), None)

    async def _write(self, interaction_id: str, state: str) -> None:
        try:
            if state == "talking":
                for _ in range(self.dice.randint(1, 3)):
                    await self._note(interaction_id)
            else:
                if self.dice.random() < 0.5:
                    await self._ticket(interaction_id)
                await self._finish(interaction_id)
            self.done.add(f"{interaction_id} {state}")
        except Refused as error:
            self._refused(error.code)
            self.done.add(f"{interaction_id} {state}")
        except aiohttp.ClientResponseError as error:
            self._refused(f"HTTP {error.status} {error.message[:80]}")
            self.done.add(f"{interaction_id} {state}")

    def _refused(self, code: str) -> None:
        """No is an answer: the write is not there, and nobody says it is. The store away is no end, though."""
        self.ledger.refusals[code[:60]] += 1

    async def _note(self, interaction_id: str) -> None:
        part, text = (interaction_id, self.agent_id), self._text("writes")
        sent = self.ledger.notes.setdefault(part, [])
        sent.append(text)
        number = len(sent) - 1
        if self._is_by_socket():
            await self._command("save-note", interaction_id, text=text)
        else:
            await self._http("PUT", f"/interactions/{interaction_id}/note", {"note": text})
        self.ledger.kept_notes[part] = number
        self.ledger.counts["notes"] += 1

    async def _ticket(self, interaction_id: str) -> None:
        subject = self._text("opens")
        self.ledger.sent_tickets.add(subject)
        if self._is_by_socket():
            ticket = (await self._command("create-ticket", interaction_id, subject=subject))["ticket"]
        else:
            ticket = await self._http("POST", "/tickets", {"subject": subject, "interaction_id": interaction_id})
        self.ledger.tickets[subject] = ticket["id"]
        self.ledger.counts["tickets"] += 1

    async def _finish(self, interaction_id: str) -> None:
        part, code = (interaction_id, self.agent_id), self.dice.choice(DISPOSITIONS).code
        self.ledger.sent_dispositions.setdefault(part, set()).add(code)
        if self._is_by_socket():
            await self._command("finish-wrap-up", interaction_id, disposition=code)
        else:
            await self._http("POST", f"/interactions/{interaction_id}/wrap-up", {"disposition": code})
        self.ledger.dispositions[part] = code
        self.ledger.counts["dispositions"] += 1

    def _text(self, does: str) -> str:
        self.count += 1
        return f"{self.login} {does} {self.count}"

    def _is_by_socket(self) -> bool:
        return self.dice.random() < 0.5

    async def _command(self, name: str, interaction_id: str, **data: str) -> dict[str, Any]:
        assert self.page is not None
        return await self.page.command(name, interaction_id=interaction_id, **data)

    async def _http(self, method: str, path: str, body: dict[str, str]) -> Any:
        return await self.server.api(method, path, body, login=self.login)


@asynccontextmanager
async def staffed(server: Server, ledger: Ledger, seed: object, *others: Server) -> AsyncIterator[list[Desk]]:
    """Seat every agent of the server at a desk, ready: by turns at its pages and at those of the ``others``."""
    places = (server, *others)
    desks = [Desk(places[number % len(places)], login, ledger, seed) for number, login in enumerate(server.agent_ids)]
    for desk in desks:
        await desk.server.login(desk.login)
    await server.ready()
    tasks = [asyncio.create_task(desk.sit()) for desk in desks]
    try:
        yield desks
    finally:
        for task in tasks:
            task.cancel()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        ledger.faults += [repr(one) for one in done if not isinstance(one, asyncio.CancelledError)]
        for desk in desks:
            await desk.leave()

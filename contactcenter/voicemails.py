"""What callers say to nobody: recorded by the PBX into a folder we share, kept as a ticket that somebody hears.

The ticket is what counts. A file that no ticket names (we died before it was opened) becomes one at the next sweep, a
file of a person who was erased is deleted, and so is one in which nothing was said.
"""

import asyncio
import contextlib
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import structlog

from contactcenter.core.clock import Clock
from contactcenter.core.database import Database
from contactcenter.core.errors import Conflict, NotFound, Unavailable
from contactcenter.core.ids import LegId, ServerId
from contactcenter.core.permissions import SYSTEM
from contactcenter.core.tasks import TaskSupervisor
from contactcenter.customers.numbers import formatted
from contactcenter.interactions.live import Picture
from contactcenter.interactions.service import InteractionService
from contactcenter.settings import Settings
from contactcenter.site_servers import recordings_folder, server_ids
from contactcenter.tickets.service import TicketService

log = structlog.get_logger(__name__)

LEAST: Final = 1.5  # seconds; who says less says nothing: of mere silence the PBX keeps one
WRITTEN_AFTER: Final = 2.0  # seconds after a hang-up, when the PBX has surely closed the file
UNDER_WAY: Final = 900.0  # seconds since it was last written to, for which a file may still be in hand
SWEEP_EVERY: Final = 3600.0
TRY_AGAIN: Final = 2.0
_PREFIX: Final = "voicemail-"
_HEADER, _BYTES_A_SECOND = 44, 16_000  # of a WAV file of 8,000 samples a second


class Voicemails:
    """See ivr.runner.Voicemails; ``keep`` runs for ever."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        clock: Clock,
        tasks: TaskSupervisor,
        picture: Picture,
        interactions: InteractionService,
        tickets: TicketService,
    ) -> None:
        self._folders = {server_id: recordings_folder(settings, server_id) for server_id in server_ids(settings)}
        self._database = database
        self._clock = clock
        self._tasks = tasks
        self._picture = picture
        self._interactions = interactions
        self._tickets = tickets

    def begin(self, server_id: ServerId, leg_id: LegId) -> Path:
        """Return the file (without extension) the PBX is to record a caller into."""
        item = self._picture.find_by_leg(server_id, leg_id)
        if item is None:
            raise NotFound("interaction-unknown")
        return self._folders[server_id] / f"{_PREFIX}{item.interaction_id}-{int(self._clock.timestamp())}"

    def left(self, file: Path, seconds: float | None) -> None:
        """The recording is over; ``seconds`` None: he hung up, and only the file tells."""
        self._tasks.spawn("voicemail", self._left(file.with_name(f"{file.name}.wav"), seconds))

    async def _left(self, file: Path, seconds: float | None) -> None:
        if seconds is None:
            await asyncio.sleep(WRITTEN_AFTER)
        await self._take(file, seconds)

    async def keep(self) -> None:
        """For ever: look for files without a ticket, and for those to be deleted."""
        while True:
            try:
                await self.sweep()
            except Unavailable as error:
                log.info("voicemails-not-swept", reason=error.fields.get("reason"))
            await asyncio.sleep(SWEEP_EVERY)

    async def sweep(self) -> None:
        """Delete what is to be deleted, open tickets for what has none."""
        known = await self._tickets.voicemails()
        now = self._clock.timestamp()
        for file, changed_at in await asyncio.to_thread(_files, set(self._folders.values())):
            try:
                if known.get(file.name):
                    await asyncio.to_thread(file.unlink, missing_ok=True)
                    await self._tickets.forget_voicemail(file.name)
                elif file.name not in known and now - changed_at > UNDER_WAY:
                    await self._take(file, None)
            except OSError as error:
                log.warning("voicemail-not-deleted", file=file.name, reason=error.strerror)

    async def _take(self, file: Path, seconds: float | None) -> None:
        length = seconds
        if seconds is None:
            length = await asyncio.to_thread(_length, file)
            if length is None and await asyncio.to_thread(file.parent.is_dir):
                return  # he hung up before anything was recorded
        if length is not None and length < LEAST:
            await asyncio.to_thread(file.unlink, missing_ok=True)
            return
        while True:
            try:
                await self._open(file.name, length)
                return
            except (Conflict, NotFound):  # he was erased meanwhile
                await asyncio.to_thread(file.unlink, missing_ok=True)
                return
            except Unavailable as error:
                log.warning("voicemail-waits", file=file.name, reason=error.fields.get("reason"))
            await asyncio.sleep(TRY_AGAIN)

    async def _open(self, name: str, length: float | None) -> None:
        await self._database.flush()
        interaction_id = name.removeprefix(_PREFIX).rpartition("-")[0]
        try:
            row = (await self._interactions.get(SYSTEM, interaction_id)).row
        except NotFound:  # whoever put this file here, it was no caller of ours
            log.warning("voicemail-of-nobody", file=name)
            return
        caller = row.caller_name or formatted(row.caller_number) or "?"
        ticket = await self._tickets.open_ticket(
            SYSTEM,
            f"Voicemail: {caller}"[:200],
            person_id=row.person_id,
            interaction_id=interaction_id,
            voicemail=name,
            voicemail_time=length,
        )
        log.info("voicemail-kept", ticket=ticket.number, seconds=length)


def _files(folders: Iterable[Path]) -> list[tuple[Path, float]]:
    found = []
    for folder in folders:
        for file in sorted(folder.glob(f"{_PREFIX}*.wav")):
            with contextlib.suppress(OSError):  # gone by now
                found.append((file, file.stat().st_mtime))
    return found


def _length(file: Path) -> float | None:
    """Return the seconds in a file; None when it is not where we can read."""
    try:
        return max(0.0, (file.stat().st_size - _HEADER) / _BYTES_A_SECOND)
    except OSError:
        return None

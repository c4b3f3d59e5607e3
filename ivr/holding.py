"""The hold loop's question "what next?" (AGI path /next), asked after each round of music and after a conversation.

Here, and nowhere else, callers in line hear announcements. Before each sentence it is looked whether they still merely
wait: while an alert runs nothing new is begun, and an agent who answers in the middle of a sentence has his caller at
once, for the bridge takes him out of it (``CallEnded`` here, cti/dialplan_names.py).
"""

from typing import Protocol

import structlog

from contactcenter.core.errors import ActionFailed
from contactcenter.core.ids import LegId, ServerId
from contactcenter.interactions.announcements import LineNews
from contactcenter.interactions.ports import CallSession, FlowDesk
from ivr.announcements import sentences
from ivr.prompts import PromptFiles

log = structlog.get_logger(__name__)

NEXT_VARIABLE = "CC_NEXT"
MUSIC_VARIABLE = "CC_MUSIC"
SENTENCE_TIME = 20.0
"""Seconds; the longest takes five. So soon is a caller given up whose announcement was begun by a server that froze."""


class Announcer(Protocol):
    """Knows what callers in line are to be told, and when."""

    def take_due(self, server_id: ServerId, leg_id: LegId) -> LineNews | None:
        """Return what the caller is to be told now, which then counts as told; None: nothing."""
        ...

    def is_waiting(self, server_id: ServerId, leg_id: LegId) -> bool:
        """Whether he waits in line and no alert for him runs."""
        ...

    def round_time(self, server_id: ServerId, leg_id: LegId) -> int | None:
        """Return how many seconds of music come before he is to be asked about again; None: as always."""
        ...


class HoldLoop:
    """Holds no state of calls."""

    def __init__(self, desk: FlowDesk, announcer: Announcer, prompts: PromptFiles) -> None:
        self._desk = desk
        self._announcer = announcer
        self._prompts = prompts

    async def run_next(self, session: CallSession) -> None:
        """Tell the caller what he is to be told, then the dialplan whether he goes on waiting."""
        try:
            await self._announce(session)
        except ActionFailed as error:  # he goes on waiting without it
            log.warning("announcement-not-played", leg_id=session.leg_id, error=str(error))
        await self.set_round(session)
        await session.set_variable(NEXT_VARIABLE, self._desk.what_next(session.server_id, session.leg_id))

    async def set_round(self, session: CallSession) -> None:
        """Let the next round of music end when an announcement is due."""
        seconds = self._announcer.round_time(session.server_id, session.leg_id)
        if seconds is not None:
            await session.set_variable(MUSIC_VARIABLE, str(seconds))

    async def _announce(self, session: CallSession) -> None:
        news = self._announcer.take_due(session.server_id, session.leg_id)
        if news is None:
            return
        language = session.request.get("language", "")
        for sentence in sentences(news.ahead, news.wait):
            if not self._announcer.is_waiting(session.server_id, session.leg_id):
                return
            spoken = self._prompts.spoken(sentence.texts, language)
            await session.play([spoken] if spoken else sentence.sounds, time_limit=SENTENCE_TIME)

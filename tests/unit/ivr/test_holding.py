"""What is played to callers in line, and how it ends."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from contactcenter.core.errors import ActionFailed
from contactcenter.core.ids import LegId, ServerId
from contactcenter.interactions.announcements import LineNews
from contactcenter.interactions.ports import CallEnded
from ivr.announcements import place_sentence, wait_sentence
from ivr.holding import SENTENCE_TIME, HoldLoop
from ivr.prompts import PromptFiles
from tests.unit.ivr.test_prompts import Voice
from tests.unit.ivr.test_runner import Desk, Script

NEWS = LineNews(1, (60.0, 180.0))
PLACE = ["queue-thereare", "digits/2", "queue-callswaiting"]
WAIT = ["queue-holdtime", "queue-less-than", "digits/3", "queue-minutes"]


class Announcer:
    """``news`` is due once; ``waiting`` answers one question after the other, then goes on as it was."""

    def __init__(self, news: LineNews | None = NEWS, waiting: Sequence[bool] = (True,)) -> None:
        self.news, self.waiting = news, list(waiting)
        self.seconds: int | None = None

    def take_due(self, server_id: ServerId, leg_id: LegId) -> LineNews | None:
        news, self.news = self.news, None
        return news

    def is_waiting(self, server_id: ServerId, leg_id: LegId) -> bool:
        return self.waiting.pop(0) if len(self.waiting) > 1 else self.waiting[0]

    def round_time(self, server_id: ServerId, leg_id: LegId) -> int | None:
        return self.seconds


async def asked(session: Script, announcer: Announcer, prompts: PromptFiles | None = None) -> list[object]:
    loop = HoldLoop(Desk(session.log), announcer, prompts or PromptFiles(Path("unused")))
    await loop.run_next(session)
    return session.log


async def test_the_desk_is_asked_what_next() -> None:
    session = Script("100")
    assert await asked(session, Announcer(None)) == ["CC_NEXT=hold"]
    session.leg_id = LegId("gone")
    assert await asked(session, Announcer(None)) == ["CC_NEXT=hold", "CC_NEXT=hangup"]


async def test_place_and_wait_then_music_again() -> None:
    announcer = Announcer()
    announcer.seconds = 14
    assert await asked(Script("100"), announcer) == [PLACE, WAIT, "CC_MUSIC=14", "CC_NEXT=hold"]
    assert await asked(Script("100"), announcer) == ["CC_MUSIC=14", "CC_NEXT=hold"]


async def test_no_sentence_is_begun_while_an_alert_runs() -> None:
    assert await asked(Script("100"), Announcer(waiting=[True, False])) == [PLACE, "CC_NEXT=hold"]
    assert await asked(Script("100"), Announcer(waiting=[False])) == ["CC_NEXT=hold"]


async def test_what_was_spoken_ahead_of_time_in_the_callers_language(tmp_path: Path) -> None:
    files = PromptFiles(tmp_path, Voice())
    wait = wait_sentence(60.0, 180.0)
    assert wait is not None
    await files.speak({("en", place_sentence(1).texts["en"]), ("ru", wait.texts["ru"])})
    [english, told_wait, _] = await asked(Script("100"), Announcer(), files)
    assert isinstance(english, list)
    assert Path(f"{english[0]}.wav").is_file()
    assert told_wait == WAIT, "not spoken in English yet"
    russian = Script("100")
    russian.request = {**russian.request, "language": "ru_RU"}  # type: ignore[assignment]
    [told_place, spoken, _] = await asked(russian, Announcer(), files)
    assert (told_place, isinstance(spoken, list) and len(spoken)) == (PLACE, 1)
    other = Script("100")
    other.request = {**other.request, "language": "fi"}  # type: ignore[assignment]
    assert (await asked(other, Announcer(), files))[:2] == [PLACE, WAIT], "the PBX's own words have its own language"


async def test_who_is_connected_in_the_middle_of_a_sentence_is_told_nothing_more() -> None:
    session = Script("100", [CallEnded()])
    with pytest.raises(CallEnded):
        await asked(session, Announcer())
    assert session.log == [PLACE]


async def test_a_sound_the_pbx_refuses_costs_nobody_his_place() -> None:
    session = Script("100", [ActionFailed("agi-command-refused")])
    assert await asked(session, Announcer()) == [PLACE, "CC_NEXT=hold"]


async def test_a_frozen_server_keeps_nobody_for_long() -> None:
    session, limits = Script("100"), []

    async def play(prompts: Sequence[str], interrupt_digits: str = "", time_limit: float = 180.0) -> str:
        limits.append((interrupt_digits, time_limit))
        return ""

    session.play = play  # type: ignore[method-assign]
    await asked(session, Announcer())
    assert limits == [("", SENTENCE_TIME)] * 2
    assert SENTENCE_TIME <= 20

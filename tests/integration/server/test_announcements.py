"""Callers in line are told of it by a real Asterisk: what they hear, how often, and that an agent
cuts a sentence short.

Tones stand for the sentences: files of the names the server looks for, which it takes for spoken already.
"""

import asyncio
import contextlib
import os
import time
from datetime import datetime
from pathlib import Path

import pytest

from contactcenter.interactions.announcements import ROUND
from ivr.announcements import EVERY, Sentence, place_sentence, wait_sentence
from ivr.prompts import PromptFiles, find_speaker
from tests.integration.server.live_calls import numbers_in, until_over, until_phases
from tests.rig.messages import number_of
from tests.rig.ports import free_ports
from tests.rig.rtp import Ear, Tone, listening, write_pcap
from tests.rig.scenarios import Answers
from tests.rig.server import desk_agents, running_server
from tests.rig.sipp import Caller, call_media_port, desk_phones
from tests.rig.tones import seconds_of_tone, write_tone

NEXT, BEFORE, AGENT, WAIT = 1720, 1920, 2160, 2420  # between the notes of any music on hold
LONG, SHORT = 12.0, 3.0  # seconds of the tones for "you are next" and "there is one caller before you"
LEFT = 9  # sentences to be spoken ahead of time


def file_of(folder: Path, language: str, text: str) -> Path:
    speaker = find_speaker()
    assert speaker is not None
    return folder / f"{PromptFiles(folder, speaker)._key(speaker, language, text)}.wav"


def put_tones(folder: Path, *tones: tuple[Sentence | None, float, float]) -> None:
    folder.mkdir()
    for sentence, hertz, seconds in tones:
        assert sentence is not None
        write_tone(file_of(folder, "en", sentence.texts["en"]), hertz, seconds)


def fill(folder: Path, left: int) -> set[Path]:
    """Lay down short tones for all sentences but ``left``, as if spoken in an earlier life; return all files to be.

    To speak them takes 40 s, and as long as one is not spoken the PBX's own sounds are heard in its stead.
    """
    files = {file_of(folder, *pair) for one in EVERY for pair in one.texts.items()}
    for file in sorted(files - set(folder.iterdir()))[left:]:
        write_tone(file, AGENT, 0.1)
    return files


async def until_heard(ear: Ear, hertz: float, seconds: float, folder: Path, limit: float) -> None:
    async with asyncio.timeout(limit):
        while seconds_of_tone(ear.save(folder / "so-far.wav"), hertz) < seconds:
            await asyncio.sleep(0.2)


@pytest.mark.skipif(os.geteuid() != 0, reason="SIPp plays sound only as root")
@pytest.mark.skipif(find_speaker() is None, reason="espeak-ng is not installed")
async def test_callers_are_told_and_an_agent_cuts_it_short(tmp_path):
    port, media, later = free_ports(1), free_ports(16), free_ports(16)
    voice = write_pcap(tmp_path / "agent.pcap", [Tone(AGENT, 1.5)])
    phone = {"p1": Answers(after=0.2, talk=2, sound=voice)}
    async with running_server(agents=desk_agents(1, port), start=False) as server:
        prompts = server.data / "prompts"
        put_tones(prompts, (place_sentence(0), NEXT, LONG), (place_sentence(1), BEFORE, SHORT))
        files = fill(prompts, LEFT)
        await server.start()
        [queue] = await server.api("GET", "/queues")
        assert len(files - set(prompts.iterdir())) == LEFT, "nothing is spoken ahead before a queue needs it"
        await server.api("PATCH", f"/queues/{queue['id']}", {"announce_every": 20})
        began = time.monotonic()
        async with asyncio.timeout(100):
            while not files <= set(prompts.iterdir()):
                await asyncio.sleep(0.2)
        print(f"{LEFT} of {len(files)} sentences spoken ahead of time in {time.monotonic() - began:.1f} s")

        async with (
            listening(call_media_port(media, 0)) as first,
            listening(call_media_port(later, 0)) as second,
            desk_phones(tmp_path / "phones", phone, port=port, media_port=free_ports(16)) as phones,
            server.customers(tmp_path / "first", [Caller("+49301", "2000")], media_port=media) as customer,
        ):
            await until_phases(server, waiting=1)
            async with server.customers(tmp_path / "second", [Caller("+49302", "2000")], media_port=later) as another:
                await until_phases(server, waiting=2)
                waiting_since = time.monotonic()
                await until_heard(first, NEXT, 1.0, tmp_path, 40)
                print(f"heard {time.monotonic() - waiting_since:.1f} s after both stood in line")
                await until_heard(second, BEFORE, SHORT - 0.3, tmp_path, 10)
                await server.ready("desk1")
                for one in (customer, another):
                    assert await one.wait_ended(30) == 0, one.errors()
            answered = sorted(
                one.at for one in phones.messages() if one.sent and one.first == "200" and "m=audio" in one.text
            )
        await until_over(server)
        calls = await server.interactions()
        assert [one["outcome"] for one in calls] == ["answered"] * 2
        connected = [datetime.fromisoformat(one["segments"][0]["answered_at"]).timestamp() for one in calls]
        late = [there - picked_up for there, picked_up in zip(connected, answered, strict=True)]
        told, played = (f"{1000 * one:.0f} ms" for one in late)
        print(f"connected {told} after the agent picked up, out of a sentence; {played} out of music")
        assert max(late) < 0.3
        heard = [ear.save(tmp_path / f"heard-{number}.wav") for number, ear in enumerate((first, second))]
        tones = [[round(seconds_of_tone(one, hertz), 1) for hertz in (NEXT, BEFORE, AGENT)] for one in heard]
        print(f"seconds heard of next, before, agent: {tones}")
        assert 1.0 <= tones[0][0] < LONG - 2, "the sentence ended when he was connected"
        assert tones[0][1] == 0
        assert tones[0][2] >= 1.0
        assert (tones[1][0], tones[1][1]) == (0, pytest.approx(SHORT, abs=0.3)), "told once in 20 s"
        assert tones[1][2] >= 1.0
        ended = [datetime.fromisoformat(one["ended_at"]).timestamp() for one in calls]
        talks = [datetime.fromisoformat(one["segments"][0]["ended_at"]).timestamp() for one in calls]
        assert all(end - talk < 1.0 for end, talk in zip(ended, talks, strict=True)), "let go at once, by no fallback"
        log = server.log()
    assert "Traceback" not in log
    assert "illegal" not in log
    assert "announcement-not-played" not in log


@pytest.mark.skipif(find_speaker() is None, reason="espeak-ng is not installed")
async def test_the_wait_is_told_once_it_is_known(tmp_path):
    """Five are served out of line, one after the other; the sixth keeps the agent, the last waits and is told."""
    port, media = free_ports(1), free_ports(16)
    callers = [Caller(f"+4930{number}", "2000") for number in range(6)]
    async with running_server(agents=desk_agents(1, port), start=False) as server:
        short = wait_sentence(0, 60)
        put_tones(server.data / "prompts", (place_sentence(0), NEXT, 2.0), (short, WAIT, 2.0))
        fill(server.data / "prompts", 0)
        await server.start()
        [queue] = await server.api("GET", "/queues")
        async with (
            listening(call_media_port(media)) as last,
            desk_phones(tmp_path / "phones", {"p1": Answers(after=0.2)}, port=port, media_port=free_ports(40)),
            server.customers(tmp_path / "calls", callers, rate=5) as customers,
            contextlib.AsyncExitStack() as stack,
        ):
            await until_phases(server, waiting=6)
            one_more = server.customers(tmp_path / "last", [Caller("+49306", "2000")], media_port=media)
            customer = await stack.enter_async_context(one_more)
            await until_phases(server, waiting=7)
            await server.ready("desk1")
            calls = {number_of(one): one.call_id for one in customers.messages() if one.first == "INVITE"}
            for left in range(6, 1, -1):
                await until_phases(server, talking=1, waiting=left)
                [talking] = numbers_in(server, "talking")
                await asyncio.sleep(6 if left == 6 else 0.5)  # who is there is counted each 5 s
                customers.nudge(calls[talking])
            await until_phases(server, talking=1, waiting=1)
            assert numbers_in(server, "waiting") == ["+49306"]
            # only now: told any sooner, he would hear the place he had then
            await server.api("PATCH", f"/queues/{queue['id']}", {"announce_every": 20})
            await until_heard(last, WAIT, 1.7, tmp_path, ROUND + 15)
            [talking] = numbers_in(server, "talking")
            customers.nudge(calls[talking])
            customer.nudge(next(one.call_id for one in customer.messages() if one.first == "INVITE"))
            for sipp in (customers, customer):
                assert await sipp.wait_ended(20) == 0, sipp.errors()
        heard = [seconds_of_tone(last.save(tmp_path / "heard.wav"), hertz) for hertz in (NEXT, WAIT)]
        print(f"seconds heard of next and of less than a minute: {heard}")
        assert heard == [pytest.approx(2.0, abs=0.3)] * 2
        assert "Traceback" not in server.log()

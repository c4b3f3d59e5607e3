"""A caller whom a closed queue sends to the voicemail: recorded by a real Asterisk, kept as a ticket, heard, erased."""

import asyncio
import os
import time

import pytest

from tests.integration.server.live_calls import until_over
from tests.rig.rtp import Tone, write_pcap
from tests.rig.scenarios import Leaves
from tests.rig.server import running_server
from tests.rig.sipp import Caller
from tests.rig.tones import seconds_of_tone

NEVER = {"timezone": "UTC", "week": {"mon": ["00:00-00:01"]}}
ANN = {"name": "Ann Kowalska", "numbers": ["+4930901820"]}


@pytest.mark.skipif(os.geteuid() != 0, reason="SIPp plays sound only as root")
async def test_a_message_is_left_heard_and_erased(tmp_path):
    voice = write_pcap(tmp_path / "voice.pcap", [Tone(440, 14)])
    async with running_server(customers=[ANN]) as server:
        [queue] = await server.api("GET", "/queues")
        way = {"hours": NEVER, "when_closed": {"flow": "voicemail"}}
        await server.api("PATCH", f"/queues/{queue['id']}", way)
        async with server.customers(
            tmp_path / "calls", [Caller("+4930901820", "2000")], leaves=Leaves(after=13), sound=voice
        ) as customer:
            assert await customer.wait_ended(40) == 0, customer.errors()
        await until_over(server)
        async with asyncio.timeout(10):
            while not (tickets := (await server.api("GET", "/tickets"))["items"]):
                await asyncio.sleep(0.1)
        [ticket] = tickets
        [call] = await server.interactions()
        assert (ticket["interaction_id"], ticket["has_voicemail"]) == (call["id"], True)
        assert ticket["person_id"] == call["person_id"] is not None
        assert "Ann" in ticket["subject"] or "901820" in ticket["subject"].replace(" ", "")
        browser = await server.login("sofia")
        async with browser.get(f"/api/v1/tickets/{ticket['id']}/voicemail") as answer:
            assert (answer.status, answer.content_type) == (200, "audio/wav")
            heard = await answer.read()
        recording = tmp_path / "heard.wav"
        recording.write_bytes(heard)
        seconds = seconds_of_tone(recording, 440)
        print(f"{ticket['voicemail_time']} s kept, {seconds:.1f} s of the tone in it")
        assert seconds > 1.0
        [file] = (server.data / "recordings").glob("voicemail-*.wav")

        # A process that died before the ticket was opened: the next one finds the file.
        lost = file.with_name(f"voicemail-{call['id']}-1.wav")
        lost.write_bytes(heard)
        os.utime(lost, (time.time() - 1000,) * 2)
        empty = file.with_name(f"voicemail-{call['id']}-2.wav")
        empty.write_bytes(heard[:44])
        os.utime(empty, (time.time() - 1000,) * 2)
        await server.stop()
        await server.start()
        async with asyncio.timeout(10):
            while len(tickets := (await server.api("GET", "/tickets"))["items"]) < 2:
                await asyncio.sleep(0.1)
        assert [one["has_voicemail"] for one in tickets] == [True, True]
        assert not empty.exists()

        # Erased, nothing of him is left to hear.
        await server.api("DELETE", f"/people/{ticket['person_id']}")
        async with asyncio.timeout(10):
            while file.exists() or lost.exists():
                await asyncio.sleep(0.1)
        assert (await server.api("GET", f"/tickets/{ticket['id']}"))["has_voicemail"] is False
        assert "Traceback" not in server.log()

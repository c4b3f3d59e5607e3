"""What is heard of a customer who is called back, on a real Asterisk."""

import asyncio
from pathlib import Path

from contactcenter.core.ids import LegId
from contactcenter.interactions import ports
from tests.integration.asterisk.conftest import Pbx
from tests.integration.asterisk.telephony_line import telephony_line
from tests.integration.asterisk.test_callbacks import ANSWERS, met
from tests.rig.ports import free_ports
from tests.rig.rtp import Tone, listening, write_pcap
from tests.rig.scenarios import Answers
from tests.rig.sipp import call_media_port, desk_phones
from tests.rig.tones import seconds_of_tone

RINGING = 440  # Hz, of a ringing tone


async def test_the_agent_hears_ringing_then_both_hear_each_other(pbx: Pbx, tmp_path: Path) -> None:
    media = free_ports(16)
    voice = write_pcap(tmp_path / "620.pcap", [Tone(620, 2.5)])
    answer = write_pcap(tmp_path / "880.pcap", [Tone(880, 8.0)])
    phones = {"agent-2001": Answers(after=0.05, sound=answer), ANSWERS: Answers(after=2.0, sound=voice)}
    async with (
        listening(call_media_port(media)) as agent,
        listening(call_media_port(media, 1)) as customer,
        desk_phones(tmp_path / "phones", phones, port=pbx.peer_port, media_port=media) as sipp,
        telephony_line(pbx) as line,
    ):
        leg, reservation = await met(line, ANSWERS)
        line.site.dial(line.server_id, leg)
        await line.find(ports.CustomerReached, leg_id=leg)
        ringing = seconds_of_tone(agent.save(tmp_path / "ringing.wav"), RINGING)
        await asyncio.sleep(3.0)
        line.site.hang_up(line.server_id, LegId(reservation))
        await line.find(ports.LegEnded, leg_id=leg)
        invites = {one.request_user: one.text for one in sipp.messages() if not one.sent and one.first == "INVITE"}
    assert ringing >= 1.0, "as long as the customer's phone rings"
    whole = agent.save(tmp_path / "agent.wav")
    assert seconds_of_tone(whole, RINGING) <= ringing + 0.2, "and no longer"
    assert seconds_of_tone(whole, 620) >= 2
    assert seconds_of_tone(customer.save(tmp_path / "customer.wav"), 880) >= 2
    assert f'From: "Ada" <sip:{ANSWERS}@' in invites["agent-2001"], "his phone shows who is called back"
    assert "From: <sip:+49305550@" in invites[ANSWERS]

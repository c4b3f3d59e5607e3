"""The rig and the oracle on a real Asterisk: nothing under test here is the project's."""

import asyncio
import signal
import time
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio

from tests.integration.rig.bare_pbx import IS_HERE, Ports, cel_file, configuration
from tests.oracle.calls import AlertOutcome, End, Outcome, judge, judge_file
from tests.oracle.cel import read
from tests.rig.asterisk import bare_asterisk
from tests.rig.rtp import Digits, Silence, Tone, listening, write_pcap
from tests.rig.scenarios import Answers, Leaves, Refuses, Rings
from tests.rig.sipp import Caller, call_media_port, customers, desk_phones
from tests.rig.tones import seconds_of_tone

pytestmark = [
    pytest.mark.skipif(not IS_HERE, reason="Asterisk is not installed"),
    pytest.mark.asyncio(loop_scope="module"),
]
PHONES = {"101": Answers(after=0.3), "102": Rings(), "103": Refuses(), "104": Answers(after=0.3, talk=1)}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pbx(tmp_path_factory):
    ports = Ports()
    async with bare_asterisk(tmp_path_factory.mktemp("pbx"), configuration(ports)) as asterisk:
        asterisk.ports = ports
        yield asterisk


@pytest.fixture
def cel(pbx):
    """Rows of this test only."""
    path = cel_file(pbx.run)
    _, offset = read(path) if path.exists() else ([], 0)

    async def judged(calls, ended=True):
        async with asyncio.timeout(5):
            while True:
                rows = read(path, offset)[0] if path.exists() else []
                judgement = judge(rows)
                done = [call for call in judgement.calls if not ended or call.end is End.SEEN]
                if len(done) >= calls and all(a.ended_at for call in done for a in call.alerts):
                    return judgement.calls
                await asyncio.sleep(0.05)

    return judged


@asynccontextmanager
async def phones(pbx, folder, behaviours=PHONES, media_port=None):
    media_port = media_port or pbx.ports.take(8)
    async with desk_phones(folder / "phones", behaviours, port=pbx.ports.phones, media_port=media_port) as started:
        yield started


def call(pbx, folder, dialed, *, number="+15550100", name="Ann O'Hara", **given):
    given.setdefault("media_port", pbx.ports.take(8))
    callers = [Caller(number, dialed, name)]
    return customers(folder / f"to-{dialed}-{number}", pbx.ports.sip, callers, port=pbx.ports.take(), **given)


async def test_both_sides_hear_each_other(pbx, cel, tmp_path):
    voice = write_pcap(tmp_path / "440.pcap", [Silence(0.4), Tone(440, 2.5), Silence(0.5)])
    answer = write_pcap(tmp_path / "880.pcap", [Tone(880, 2.5), Silence(0.5)])
    phone_media, customer_media = pbx.ports.take(8), pbx.ports.take(8)
    speaking = {"101": Answers(after=0.3, talk=3, sound=answer)}
    async with (
        listening(call_media_port(phone_media)) as at_phone,
        listening(call_media_port(customer_media)) as at_customer,
        phones(pbx, tmp_path, speaking, phone_media),
        call(pbx, tmp_path, "3101", sound=voice, media_port=customer_media) as customer,
    ):
        assert await customer.wait_ended(15) == 0, customer.errors()
    (judged,) = await cel(1)
    assert (judged.outcome, judged.agent, judged.hung_up_by_caller) == (Outcome.ANSWERED, "PJSIP/agent-101", False)
    assert judged.talk_time == pytest.approx(3, abs=0.2)
    for ear, own, heard in ((at_phone, 880, 440), (at_customer, 440, 880)):
        recording = ear.save(tmp_path / f"{heard}.wav")
        assert seconds_of_tone(recording, heard) >= 2
        assert seconds_of_tone(recording, own) == 0
    monitor = pbx.run / "spool/monitor"
    assert seconds_of_tone(monitor / "received.wav", 440) >= 2
    assert seconds_of_tone(monitor / "sent.wav", 880) >= 2


async def test_every_kind_of_phone_and_customer_judged(pbx, cel, tmp_path):
    async with (
        phones(pbx, tmp_path),
        call(pbx, tmp_path, "1101", number="+1001", leaves=Leaves(after=1)) as said_goodbye,
        call(pbx, tmp_path, "1102", number="+1002", leaves=Leaves(ringing=0.3)) as impatient,
        call(pbx, tmp_path, "1103", number="+1003") as met_busy,
        call(pbx, tmp_path, "1104", number="+1004") as was_left,
        call(pbx, tmp_path, "1105", number="+1005") as nobody_there,
        call(pbx, tmp_path, "1102", number="+1006") as rang_out,
        call(pbx, tmp_path, "4000", number="+1007", leaves=Leaves(after=0)) as gone_at_once,
        call(pbx, tmp_path, "9999", number="+1008") as unknown,
    ):
        everyone = (said_goodbye, impatient, met_busy, was_left, nobody_there, rang_out, gone_at_once, unknown)
        assert [await one.wait_ended(15) for one in everyone] == [0] * 8, [one.errors() for one in everyone]
    judged = {one.caller_number: one for one in await cel(7)}
    assert {number: (one.outcome, [alert.outcome for alert in one.alerts]) for number, one in judged.items()} == {
        "+1001": (Outcome.ANSWERED, [AlertOutcome.CONNECTED]),
        "+1002": (Outcome.ABANDONED, [AlertOutcome.CALLER_GONE]),
        "+1003": (Outcome.ABANDONED, [AlertOutcome.BUSY]),
        "+1004": (Outcome.ANSWERED, [AlertOutcome.CONNECTED]),
        "+1005": (Outcome.ABANDONED, [AlertOutcome.REVOKED]),  # Dial's own time limit sets no cause
        "+1006": (Outcome.ABANDONED, [AlertOutcome.REVOKED]),
        "+1007": (Outcome.LEFT_IN_IVR, []),
    }
    assert {number for number, one in judged.items() if one.hung_up_by_caller} >= {"+1001", "+1002", "+1007"}
    assert not judged["+1004"].hung_up_by_caller
    assert judged["+1001"].talk_time == pytest.approx(1, abs=0.2)
    assert judged["+1004"].talk_time == pytest.approx(1, abs=0.2)


class Manager:
    """Just enough AMI to ring an agent as the project does."""

    def __init__(self, streams):
        self.reader, self.writer = streams

    async def act(self, **headers):
        text = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self.writer.write(f"{text}\r\n".encode())
        assert b"Response: Success" in await self.reader.readuntil(b"\r\n\r\n")

    async def ring(self, phone, leg, caller, limit=3000):
        await self.act(
            Action="Originate", ChannelId=leg, Channel=f"PJSIP/agent-{phone}", Context="cc-bridge", Exten="s",
            Priority=1, Async="true", Timeout=limit, Account=caller.uniqueid, CallerID="<+15550100>",
            Variable=f"CALLER_CHAN={caller.uniqueid}",
        )  # fmt: skip


async def test_a_waiting_caller_is_offered_to_one_agent_after_the_other(pbx, cel, tmp_path):
    streams = await asyncio.open_connection("127.0.0.1", pbx.ports.ami)
    manager = Manager(streams)
    await streams[0].readline()
    await manager.act(Action="Login", Username="rig", Secret="rig", Events="off")
    keys = write_pcap(tmp_path / "2.pcap", [Silence(0.5), Digits("2"), Silence(0.5)])
    async with phones(pbx, tmp_path) as desk, call(pbx, tmp_path, "2000", sound=keys) as customer:
        caller = (await cel(1, ended=False))[0]
        while not caller.queued:
            caller = (await cel(1, ended=False))[0]
        await manager.ring("103", "leg-busy", caller)
        await manager.ring("102", "leg-silent", caller, limit=800)
        await asyncio.sleep(1)
        await manager.ring("101", "leg-good", caller)
        await desk.wait_message("200", sent=True)
        await asyncio.sleep(1)
        nudged_at = time.time()
        customer.nudge(customer.messages()[0].call_id)
        assert await customer.wait_ended(5) == 0, customer.errors()
        byes = [m.at for m in customer.messages() if m.first == "BYE" and m.sent]
        assert byes[0] - nudged_at < 0.1
    (judged,) = await cel(1)
    assert {alert.uniqueid: alert.outcome for alert in judged.alerts} == {
        "leg-busy": AlertOutcome.BUSY,
        "leg-silent": AlertOutcome.NO_ANSWER,
        "leg-good": AlertOutcome.CONNECTED,
    }
    assert judged.outcome is Outcome.ANSWERED
    assert judged.talk_time == pytest.approx(1, abs=0.2)
    assert 1.2 < judged.wait_time < 3
    streams[1].close()


@pytest.mark.parametrize(
    "name",
    [
        "Жанна <script>alert(1)</script>",
        b'"[call_id]]]>&amp;;\\"" ',
        b'"' + b"x" * 1000 + b'" ',
        "\u202egnimoc",
        b'"half \xd0" ',
    ],
)
async def test_a_hostile_name_arrives_as_it_was_meant(pbx, tmp_path, name):
    raw = name if isinstance(name, bytes) else f'"{name}" '.encode()
    async with call(pbx, tmp_path, "4000", name=name, leaves=Leaves(after=0)) as customer:
        assert await customer.wait_ended(10) == 0, customer.errors()
        assert b"From: " + raw.rstrip(b" ") in customer.message_log.read_bytes()


async def test_a_nudged_phone_answers(pbx, cel, tmp_path):
    async with (
        phones(pbx, tmp_path, {"101": Answers(after=30)}) as desk,
        call(pbx, tmp_path, "1101", leaves=Leaves(after=0.5)) as customer,
    ):
        ringing = await desk.wait_message("180", sent=True)
        desk.nudge(*ringing)
        assert await customer.wait_ended(5) == 0, customer.errors()
    assert [one.outcome for one in await cel(1)] == [Outcome.ANSWERED]


async def test_many_callers_from_one_process(pbx, cel, tmp_path):
    callers = [Caller(f"+1555{number:04}", "4000", f"Caller {number}") for number in range(20)]
    started = time.time()
    async with customers(
        tmp_path, pbx.ports.sip, callers, port=pbx.ports.take(), media_port=pbx.ports.take(8),
        leaves=Leaves(after=0.2), rate=20,
    ) as all_of_them:  # fmt: skip
        assert await all_of_them.wait_ended(15) == 0, all_of_them.errors()
        invited = await all_of_them.wait_message("INVITE", sent=True, count=20)
    assert 0.7 < max(invited.values()) - started < 3
    judged = await cel(20)
    assert sorted(one.caller_number for one in judged) == [caller.number for caller in callers]
    assert {one.outcome for one in judged} == {Outcome.LEFT_IN_IVR}


async def test_a_killed_asterisk_leaves_calls_without_an_end(tmp_path):
    ports = Ports()
    async with bare_asterisk(tmp_path / "pbx", configuration(ports)) as asterisk:
        asterisk.ports = ports
        async with call(asterisk, tmp_path, "4000", leaves=Leaves(after=5)) as customer:
            await customer.wait_message("200", sent=False)
            async with asyncio.timeout(10):  # Asterisk writes its records in a thread of its own
                while not (path := cel_file(asterisk.run)).exists() or not judge_file(path).calls:
                    await asyncio.sleep(0.02)
            await asterisk.stop(signal.SIGKILL)
    (judged,) = judge_file(cel_file(asterisk.run), restarts=[time.time()]).calls
    assert (judged.outcome, judged.end) == (Outcome.FAILED, End.RESTART)

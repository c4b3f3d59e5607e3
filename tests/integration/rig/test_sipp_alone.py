"""SIPp against SIPp: customers call desk phones with no PBX between, so that each scenario is proven by itself."""

import asyncio
import shutil
import socket
import time

import pytest

from tests.rig.ports import free_ports
from tests.rig.scenarios import Answers, Leaves, Refuses, Rings
from tests.rig.sipp import Caller, SippError, customers, desk_phones

pytestmark = pytest.mark.skipif(shutil.which("sipp") is None, reason="SIPp is not installed")


@pytest.fixture
def ports():
    base = free_ports(60)
    return {"phones": base, "phones_media": base + 2, "customer": base + 20, "customer_media": base + 22}


def desk(tmp_path, ports, **behaviours):
    named = {name.removeprefix("p"): behaviour for name, behaviour in behaviours.items()}
    return desk_phones(tmp_path / "phones", named, port=ports["phones"], media_port=ports["phones_media"])


def caller(tmp_path, ports, dialed, leaves=Leaves()):
    return customers(
        tmp_path / "customer", ports["phones"], [Caller("+1", dialed)], port=ports["customer"],
        media_port=ports["customer_media"], leaves=leaves,
    )  # fmt: skip


def talk(sipp):
    return [message.first for message in sipp.messages() if message.first != "100"]


@pytest.mark.parametrize(
    "dialed, leaves, expected",
    [
        ("1", Leaves(after=0.2), ["INVITE", "180", "200", "ACK", "BYE", "200"]),
        ("1", Leaves(after=0), ["INVITE", "180", "200", "ACK", "BYE", "200"]),
        ("1", Leaves(ringing=0), ["INVITE", "180", "CANCEL", "200", "487", "ACK"]),
        ("2", Leaves(ringing=0.1), ["INVITE", "180", "CANCEL", "200", "487", "ACK"]),
        ("3", Leaves(), ["INVITE", "486", "ACK"]),
        ("4", Leaves(), ["INVITE", "180", "200", "ACK", "BYE", "200"]),
        ("5", Leaves(), ["INVITE", "404", "ACK"]),
    ],
)
async def test_each_pair_says_what_it_should(tmp_path, ports, dialed, leaves, expected):
    behaviours = {"p1": Answers(after=0.1), "p2": Rings(), "p3": Refuses(), "p4": Answers(after=0, talk=0.1)}
    async with desk(tmp_path, ports, **behaviours) as phones, caller(tmp_path, ports, dialed, leaves) as customer:
        assert await customer.wait_ended(5) == 0, customer.errors()
        said = talk(customer)
        assert said == expected
        await asyncio.sleep(0.05)
        assert talk(phones) == expected
        assert "unexpected" not in phones.errors().lower()


async def test_two_who_hang_up_in_the_same_moment_both_are_answered(tmp_path, ports):
    async with (
        desk(tmp_path, ports, p4=Answers(after=0, talk=0.1)) as phones,
        caller(tmp_path, ports, "4", Leaves(after=0.1)) as customer,
    ):
        assert await customer.wait_ended(5) == 0, customer.errors()
        await asyncio.sleep(0.05)
        for side in (customer, phones):
            said = talk(side)[4:]
            assert said.count("BYE") == said.count("200") > 0


async def test_a_phone_that_answered_takes_the_invite_sent_again_and_hangs_up_in_time(tmp_path, ports):
    """Asterisk was late: it sent the INVITE once more while our 200 was on its way, and then the ACK."""
    async with desk(tmp_path, ports, p1=Answers(after=0.1, talk=0.2)):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
            line.bind(("127.0.0.1", ports["customer"]))
            line.settimeout(3)

            def say(request, branch, to=""):
                head = [f"{request} sip:1@127.0.0.1:{ports['phones']} SIP/2.0"]
                head += [f"Via: SIP/2.0/UDP 127.0.0.1:{ports['customer']};branch=z9hG4bK{branch}"]
                head += ["From: <sip:2@127.0.0.1>;tag=a", f"To: <sip:1@127.0.0.1>{to}", "Call-ID: again@127.0.0.1"]
                head += [f"CSeq: 1 {request}", f"Contact: <sip:2@127.0.0.1:{ports['customer']}>", "Content-Length: 0"]
                line.sendto("\r\n".join([*head, "", ""]).encode(), ("127.0.0.1", ports["phones"]))

            def until(word):
                while True:
                    heard = line.recv(4096).decode()
                    if word in heard.splitlines()[0]:
                        return heard

            say("INVITE", "1")
            answer = await asyncio.to_thread(until, "200 OK")
            say("INVITE", "1")
            await asyncio.sleep(0.02)
            say("ACK", "2", ";tag=" + answer.partition("To:")[2].partition("tag=")[2].split()[0])
            assert "again@" in await asyncio.to_thread(until, "BYE")


async def test_a_killed_phone_says_nothing_more_and_nobody_else_dies(tmp_path, ports):
    async with desk(tmp_path, ports, p1=Answers(after=0)) as phones, caller(tmp_path, ports, "1") as customer:
        await customer.wait_message("200", sent=False)
        phones.kill()
        assert await phones.wait_ended(2) == -9
        customer.nudge(customer.messages()[0].call_id)
        await customer.wait_message("BYE", sent=True, cseq="BYE")
        assert customer._process.returncode is None


async def test_leaving_the_block_ends_the_process(tmp_path, ports):
    async with desk(tmp_path, ports, p1=Rings()) as phones:
        assert phones._process.returncode is None
    assert phones._process.returncode is not None


async def test_a_port_in_use_is_told(tmp_path, ports):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", ports["phones_media"]))
        with pytest.raises(SippError, match="in use"):
            async with desk(tmp_path, ports, p1=Rings()):
                pass


async def test_a_phone_answers_options(tmp_path, ports):
    async with desk(tmp_path, ports, p1=Rings()):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wire:
            wire.settimeout(2)
            wire.bind(("127.0.0.1", 0))
            port = wire.getsockname()[1]
            text = (
                f"OPTIONS sip:1@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK1\r\n"
                "From: <sip:a@b>;tag=1\r\nTo: <sip:1@b>\r\nCall-ID: options-1\r\nCSeq: 1 OPTIONS\r\n"
                "Content-Length: 0\r\n\r\n"
            )
            wire.sendto(text.encode(), ("127.0.0.1", ports["phones"]))
            assert (await asyncio.to_thread(wire.recv, 2000)).startswith(b"SIP/2.0 200")


async def test_the_rate_is_kept(tmp_path, ports):
    callers = [Caller(f"+{number}", "1") for number in range(6)]
    async with (
        desk(tmp_path, ports, p1=Answers(after=0, talk=0)),
        customers(
            tmp_path / "c",
            ports["phones"],
            callers,
            port=ports["customer"],
            media_port=ports["customer_media"],
            rate=10,
        ) as customer,
    ):
        assert await customer.wait_ended(5) == 0, customer.errors()
        times = (await customer.wait_message("INVITE", sent=True, count=6)).values()
    assert 0.35 < max(times) - min(times) < 0.9
    assert max(times) <= time.time()

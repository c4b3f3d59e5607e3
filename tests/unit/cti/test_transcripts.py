"""What a real Asterisk told, byte by byte (tests/transcripts), through decoder and fold: the facts as written here."""

import itertools
import random
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from contactcenter.core.clock import from_timestamp
from contactcenter.core.ids import ServerId
from contactcenter.interactions import ports
from cti.ami import Decoder, Message
from cti.calls import Calls
from cti.dialplan_names import AMI_EVENTS
from tests.transcripts.record import BEGIN, HERE, SCENES, STAND_IN

C = f"recorded-{BEGIN}.0"  # the customer
RANG, BLIND, CONSULT, BEHIND_LOCAL = (f"recorded-{BEGIN}.1", *(f"recorded-{BEGIN + 1}.{n}" for n in (3, 5, 3)))
HALVES = f"recorded-{BEGIN + 1}.3", f"recorded-{BEGIN + 1}.4"
DIALLING, DIALLED = f"dial-{STAND_IN}", f"recorded-{BEGIN}.4"
ARRIVES = [("arrived", C), ("answered", C)]
TALKS = [*ARRIVES, ("ringing", "res-1"), ("answered", "res-1"), ("connected", "res-1")]

FACTS: dict[str, list[tuple[str, ...]]] = {
    "answered": [*TALKS, ("parted", "res-1", C), ("ended", C), ("ended", "res-1")],
    "abandoned": [*ARRIVES, ("ringing", "res-1"), ("ended", C), ("ended", "res-1")],
    "blind-transfer": [
        *TALKS, ("parted", "res-1", C), ("ended", "res-1"),
        ("ringing", BLIND), ("answered", BLIND), ("connected", BLIND),
        ("parted", BLIND, C), ("ended", BLIND), ("ended", C),
    ],
    # The agent consults (a Local channel leads there), hangs up, and the two others are joined.
    "attended-transfer": [
        *TALKS, ("parted", "res-1", "res-1"),
        ("ringing", CONSULT), ("answered", CONSULT), ("answered", HALVES[1]), ("answered", HALVES[0]),
        ("ended", "res-1"), ("connected", CONSULT), ("ended", HALVES[1]), ("ended", HALVES[0]),
        ("parted", CONSULT, C), ("ended", C), ("ended", CONSULT),
    ],
    # Two legs move into the conference, a second agent joins, the first leaves, then the customer.
    "conference": [
        *TALKS, ("parted", "res-1", C), ("connected", "res-1"),
        ("ringing", "res-2"), ("answered", "res-2"), ("connected", "res-2"),
        ("parted", "res-1", "res-1"), ("ended", "res-1"), ("parted", "res-2", C), ("ended", C), ("ended", "res-2"),
    ],
    # Connected only when the halves have gone and the agent's own leg stands beside the customer.
    "local-channels": [
        *ARRIVES, ("ringing", BEHIND_LOCAL), ("answered", BEHIND_LOCAL), ("answered", "res-1;2"), ("answered", "res-1"),
        ("connected", BEHIND_LOCAL), ("ended", "res-1;2"), ("ended", "res-1"),
        ("parted", BEHIND_LOCAL, C), ("ended", C), ("ended", BEHIND_LOCAL),
    ],
    # The phone that rang is gone; the one that picked its call up has the customer.
    "masquerade": [
        *ARRIVES, ("ringing", RANG), ("ringing", "res-1"), ("answered", "res-1"), ("ended", RANG),
        ("connected", "res-1"), ("parted", "res-1", C), ("ended", C), ("ended", "res-1"),
    ],
    # Nobody has called: the leg of the customer who answered has the trunk's context and is nobody's.
    "called-back": [
        ("answered", DIALLING), ("answered", STAND_IN), ("ringing", "res-1"), ("answered", "res-1"),
        ("connected", "res-1"), ("answered", DIALLED), ("reached", STAND_IN),
        ("parted", "res-1", "res-1"), ("ended", STAND_IN), ("ended", "res-1"), ("ended", DIALLING), ("ended", DIALLED),
    ],
}  # fmt: skip


def told(fact: ports.Fact) -> tuple[str, ...] | None:
    match fact:
        case ports.CallArrived(leg_id=leg, caller_number="+4930901820", caller_name="Ada", dialed="1000"):
            return "arrived", leg
        case ports.LegRinging(leg_id=leg):
            return "ringing", leg
        case ports.LegAnswered(leg_id=leg):
            return "answered", leg
        case ports.CustomerReached(leg_id=leg):
            return "reached", leg
        case ports.LegsConnected(caller_leg=caller, agent_leg=agent) if caller in (C, STAND_IN):
            return "connected", agent
        case ports.LegsParted(caller_leg=caller, agent_leg=agent, left_first=first) if caller in (C, STAND_IN):
            return "parted", agent, first
        case ports.LegEnded(leg_id=leg):
            return "ended", leg
        case ports.DeviceChanged():
            return None
    raise AssertionError(fact)


def data(name: str) -> bytes:
    return (HERE / f"{name}.ami").read_bytes()


def replay(pieces: Iterable[bytes]) -> tuple[list[tuple[str, ...]], list[Message], Calls, Decoder]:
    decoder, calls = Decoder(AMI_EVENTS), Calls(ServerId("recorded"))
    messages = [message for piece in pieces for message in decoder.feed(piece)]
    facts = [fact for message in messages for fact in calls.feed(message, from_timestamp(0.0))]
    return [one for fact in facts if (one := told(fact)) is not None], messages, calls, decoder


def split(whole: bytes, rng: random.Random) -> Sequence[bytes]:
    cuts = sorted(rng.sample(range(1, len(whole)), rng.randint(1, 200)))
    return [whole[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]


def test_every_scene_has_its_transcript_and_its_facts() -> None:
    assert set(SCENES) == set(FACTS) == {path.stem for path in Path(HERE).glob("*.ami")}


@pytest.mark.parametrize("name", FACTS)
def test_whole(name: str) -> None:
    facts, messages, calls, decoder = replay([data(name)])
    assert facts == FACTS[name]
    assert calls.channels == {}, "whatever came has gone"
    assert (decoder.malformed, decoder.overlong, decoder.skipped) == (0, 0, 0)
    assert decoder.banner == "Asterisk Call Manager/11.0.0"
    assert {"Message", "Response"} <= {header for header, _ in messages[0].headers}


@pytest.mark.parametrize("name", FACTS)
def test_byte_by_byte(name: str) -> None:
    whole = data(name)
    facts, messages, _, _ = replay(whole[at : at + 1] for at in range(len(whole)))
    assert facts == FACTS[name]
    assert messages == replay([whole])[1]


@pytest.mark.parametrize("name", FACTS)
def test_split_at_random(name: str) -> None:
    whole = data(name)
    messages = replay([whole])[1]
    for seed in range(100):
        facts, those, _, _ = replay(split(whole, random.Random(seed)))
        assert (facts, those) == (FACTS[name], messages), f"seed {seed}"


@pytest.mark.parametrize("name", FACTS)
def test_instants_are_asterisks_own_and_in_order(name: str) -> None:
    decoder, calls = Decoder(AMI_EVENTS), Calls(ServerId("recorded"))
    facts = [fact for message in decoder.feed(data(name)) for fact in calls.feed(message, from_timestamp(0.0))]
    instants = [fact.at.timestamp() for fact in facts]
    assert all(BEGIN <= at < BEGIN + 60 for at in instants)
    assert all(later - earlier > -0.01 for earlier, later in itertools.pairwise(instants))


@pytest.mark.parametrize("name", FACTS)
def test_no_machine_is_named(name: str) -> None:
    text = data(name).decode()
    assert not [line for line in text.split("\r\n") if "/tmp/" in line or "/home/" in line or "@127.0.0.1:" in line]
    assert {line for line in text.split("\r\n") if line.startswith("SystemName")} == {"SystemName: recorded"}

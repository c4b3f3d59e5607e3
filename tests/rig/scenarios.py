"""SIPp scenarios as XML text, made by small pure functions: a customer who calls (UAC) and desk phones (UAS).

Every wait is a ``recv`` with a time limit, never a ``pause``: SIPp aborts a call that gets a message while it pauses.
A MESSAGE request with the call's own Call-ID is the rig's nudge (``sipp.nudge``): it makes a waiting side act at once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

REFUSALS = (400, 401, 403, 404, 408, 410, 480, 482, 484, 486, 487, 488, 500, 503, 600, 603)
FOREVER = 600.0  # seconds: longer than any run of the tests

_HEAD = '<?xml version="1.0" encoding="UTF-8" ?>\n<!DOCTYPE scenario SYSTEM "sipp.dtd">\n'
_OFFER = """
v=0
o=rig 1 1 IN IP[local_ip_type] [local_ip]
s=-
c=IN IP[media_ip_type] [media_ip]
t=0 0
m=audio [auto_media_port+4] RTP/AVP 0 101
a=rtpmap:0 PCMU/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15
a=ptime:20
a=sendrecv
"""


# ------------------------------------------------------------------ how customers and phones behave


@dataclass(frozen=True, slots=True)
class Leaves:
    """When a customer hangs up. At most one of ``ringing`` and ``after`` is set; a nudge always works too.

    ``after``: seconds after the 200 OK (0: with the ACK); None: never, the other side ends the call.
    ``ringing``: seconds after the first 180, by CANCEL.
    """

    after: float | None = None
    ringing: float | None = None


WAITS = Leaves()


@dataclass(frozen=True, slots=True)
class Answers:
    """A phone that rings, answers ``after`` seconds (or at a nudge), and hangs up ``talk`` seconds later if given."""

    after: float = 0.5
    talk: float | None = None
    sound: Path | None = None  # a pcap, played from the ACK on


@dataclass(frozen=True, slots=True)
class Rings:
    """A phone that rings until it is cancelled."""


@dataclass(frozen=True, slots=True)
class Refuses:
    """A phone that answers at once with a final failure: 486 busy, 480 away, 603 declined."""

    code: int = 486
    reason: str = "Busy Here"


Behaviour = Answers | Rings | Refuses
NOBODY = Refuses(404, "Not Found")


# ------------------------------------------------------------------ XML pieces


def _scenario(name: str, *steps: str) -> str:
    return _HEAD + f'<scenario name="{name}">\n' + "\n".join(steps) + "\n</scenario>\n"


def _attributes(**given: object) -> str:
    return "".join(f' {name}="{value}"' for name, value in given.items() if value is not None)


def _send(text: str, *, body: str = "", **given: object) -> str:
    length = "Content-Length: [len]" if body else "Content-Length: 0"
    kind = "\nContent-Type: application/sdp" if body else ""
    message = f"{text.strip()}{kind}\n{length}\n{body}"
    return f"<send{_attributes(**given)}><![CDATA[\n{message}\n]]></send>"


def _recv(*actions: str, **given: object) -> str:
    inside = f"<action>{''.join(actions)}</action>" if actions else ""
    return f"<recv{_attributes(**given)}>{inside}</recv>"


def _label(name: str) -> str:
    return f'<label id="{name}"/>'


def _goto(name: str, **given: object) -> str:
    return f"<nop{_attributes(next=name, **given)}/>"


def _play(sound: Path | None) -> list[str]:
    return [] if sound is None else [f'<nop><action><exec play_pcap_audio="{sound}"/></action></nop>']


def _milliseconds(seconds: float | None) -> int:
    return max(1, round(1000 * (FOREVER if seconds is None else seconds)))


def _await_end(limit: float | None) -> list[str]:
    """Wait for BYE; after ``limit`` seconds, or at a nudge, send one. Needs labels of the caller's ``bye``."""
    wait = {"timeout": _milliseconds(limit), "ontimeout": "leave"}
    return [
        _recv(request="MESSAGE", optional="true", next="leave", **wait),
        _recv(request="BYE", next="left", **wait),
    ]


def _answer_last() -> str:
    return _send("SIP/2.0 200 OK\n[last_Via:]\n[last_From:]\n[last_To:]\n[last_Call-ID:]\n[last_CSeq:]")


def _ending(bye: str) -> list[str]:
    """Labels ``leave`` (we hang up; both sides may at once), ``left`` (they did) and ``over``."""
    return [
        _label("leave"),
        bye,
        _recv(request="BYE", optional="true", next="crossed"),
        _recv(response=200, next="over"),
        _label("crossed"),
        _answer_last(),
        _recv(response=481, optional="true", next="over", timeout=1000, ontimeout="over"),
        _recv(response=200, next="over", timeout=1000, ontimeout="over"),
        _label("left"),
        _answer_last(),
        _label("over"),
    ]


# ------------------------------------------------------------------ the customer


_TO = "sip:[field2]@[remote_ip]:[remote_port]"
_SAME = """Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=z9hG4bK[pid]c[call_number]{step}
From: {name}<sip:[field0]@[local_ip]:[local_port]>;tag=[pid]c[call_number]
To: <{to}>{tag}
Call-ID: [call_id]
Contact: <sip:[field0]@[local_ip]:[local_port]>
Max-Forwards: 70"""


_BEGINS = """<nop><action>
<assignstr assign_to="1" value="[field3]"/><todouble assign_to="2" variable="1"/>
</action></nop>
<pause variable="2"/>"""


def _request(method: str, step: int, name: str, *, sequence: int = 1, tag: str = "[peer_tag_param]") -> str:
    """``step`` names the transaction: CANCEL and the ACK of a refusal share the INVITE's (RFC 3261, 9.1, 17.1.1.3)."""
    return f"{method} {_TO} SIP/2.0\n{_SAME.format(name=name, to=_TO, tag=tag, step=step)}\nCSeq: {sequence} {method}"


def _invite(name: str) -> str:
    return _send(_request("INVITE", 1, name, tag=""), body=_OFFER, retrans=500)


def _cancel(name: str) -> str:
    return _send(_request("CANCEL", 1, name, tag=""), retrans=500)


def _ack(name: str) -> str:
    return _send(_request("ACK", 2, name))


def _bye(name: str) -> str:
    return _send(_request("BYE", 3, name, sequence=2), retrans=500)


def display_name(name: str | bytes) -> str:
    """A display name for the From header: text is quoted; bytes go out untouched, in front of ``<sip:``.

    Every byte that means something to SIPp or to XML is written as its ``\\xHH`` escape.
    """
    if not name:
        return ""
    raw = name if isinstance(name, bytes) else b'"' + name.replace("\\", "\\\\").replace('"', '\\"').encode() + b'"'
    plain = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 "
    return "".join(chr(byte) if byte in plain else f"\\x{byte:02X}" for byte in raw) + " "


def customer(leaves: Leaves = WAITS, *, name: str = "[field1]", sound: Path | None = None, paced: bool = False) -> str:
    """A customer's call. Injection fields: 0 number, 1 display name as it stands in From, 2 dialed number.

    ``paced``: each waits before his INVITE for as many milliseconds as field 3 says; nobody can know his call yet, so
    nothing can reach him in that pause.
    """
    if leaves.ringing is not None:
        return _impatient_customer(leaves.ringing, name)
    talk = [_goto("leave")] if leaves.after == 0 else _await_end(leaves.after)
    return _scenario(
        "customer",
        *([_BEGINS] if paced else []),
        _invite(name),
        *_provisional(),
        _recv(response=200, rrs="true", timeout=_milliseconds(None)),
        _ack(name),
        *_play(sound),
        *talk,
        *_refused(name),
        _goto("over"),
        *_ending(_bye(name)),
    )


def _impatient_customer(ringing: float, name: str) -> str:
    return _scenario(
        "customer gone while ringing",
        _invite(name),
        _recv(response=100, optional="true"),
        *_refusals(),
        _recv(response=180, timeout=_milliseconds(None)),
        _recv(request="MESSAGE", optional="true", next="cancel", timeout=_milliseconds(ringing), ontimeout="cancel"),
        _recv(response=200, rrs="true", next="answered", timeout=_milliseconds(ringing), ontimeout="cancel"),
        _label("cancel"),
        _cancel(name),
        _recv(response=200),
        _recv(response=487),
        _send(_request("ACK", 1, name)),
        _goto("over"),
        _label("answered"),
        _ack(name),
        _bye(name),
        _recv(response=200, next="over"),
        *_refused(name),
        _label("over"),
    )


def _provisional() -> list[str]:
    return [*(_recv(response=code, optional="true") for code in (100, 180, 181, 183)), *_refusals()]


def _refusals() -> list[str]:
    return [_recv(response=code, optional="true", next="refused") for code in REFUSALS]


def _refused(name: str) -> list[str]:
    return [_label("refused"), _send(_request("ACK", 1, name))]


# ------------------------------------------------------------------ desk phones


_PHONE_TAG = ";tag=[pid]p[call_number]"


def _reply(line: str, *, body: str = "", retrans: int | None = None) -> str:
    """A response to the INVITE, whose headers are remembered: $1 From, $2 To, $3 Via, $4 CSeq."""
    return _send(
        f"""SIP/2.0 {line}
Via:[$3]
From:[$1]
To:[$2]{_PHONE_TAG}
Call-ID: [call_id]
CSeq:[$4]
Contact: <sip:[local_ip]:[local_port]>
Allow: INVITE, ACK, BYE, CANCEL, OPTIONS""",
        body=body,
        retrans=retrans,
    )


def _phone_bye() -> str:
    return _send(
        f"""BYE [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=z9hG4bK[pid]p[call_number]
From:[$2]{_PHONE_TAG}
To:[$1]
Call-ID: [call_id]
CSeq: 1 BYE
Max-Forwards: 70""",
        retrans=500,
    )


def _recv_invite(users: Mapping[str, int]) -> str:
    headers = ("From:", "To:", "Via:", "CSeq:")
    return _recv(
        *(
            f'<ereg regexp=".*" search_in="hdr" header="{header}" assign_to="{number}"/>'
            for number, header in enumerate(headers, 1)
        ),
        *(
            f'<ereg regexp="INVITE sip:{user}@" search_in="msg" check_it="false" assign_to="{number}"/>'
            for user, number in ((user.replace("+", "[+]"), number) for user, number in users.items())
        ),
        request="INVITE",
        rrs="true",
    )


def phones(behaviours: Mapping[str, Behaviour], others: Behaviour = NOBODY) -> str:
    """Several desk phones behind one port, told apart by the user part of the request URI.

    A user who is not in ``behaviours`` behaves as ``others``: 404 by default. OPTIONS (qualify) is always answered.
    """
    users = {user: number for number, user in enumerate(behaviours, 10)}
    blocks = [step for user, number in users.items() for step in _phone(behaviours[user], number)]
    return _scenario(
        "desk phones",
        _recv(request="OPTIONS", optional="true", next="alive"),
        _recv_invite(users),
        *(_goto(f"user{number}", test=number) for number in users.values()),
        *_phone(others, 9),
        *blocks,
        _label("cancelled"),
        _answer_last(),
        _reply("487 Request Terminated", retrans=500),
        _recv(request="ACK", next="over"),
        _label("alive"),
        _answer_last(),
        _goto("over"),
        *_ending(_phone_bye()),
        f'<Reference variables="{",".join(str(n) for n in (1, 2, 3, 4, *users.values()))}"/>',
    )


def _phone(behaviour: Behaviour, number: int) -> list[str]:
    label = _label(f"user{number}")
    match behaviour:
        case Refuses():
            return [label, *_refuse(behaviour)]
        case Rings():
            return [label, _reply("180 Ringing"), _recv(request="CANCEL", next="cancelled")]
        case Answers():
            return [label, *_answer(behaviour, number)]


def _refuse(behaviour: Refuses) -> list[str]:
    return [_reply(f"{behaviour.code} {behaviour.reason}", retrans=500), _recv(request="ACK", next="over")]


def _answer(behaviour: Answers, number: int) -> list[str]:
    pick_up, met = f"pick{number}", f"met{number}"
    wait = {"timeout": _milliseconds(behaviour.after), "ontimeout": pick_up}
    return [
        _reply("180 Ringing"),
        _recv(request="MESSAGE", optional="true", next=pick_up, **wait),
        _recv(request="CANCEL", next="cancelled", **wait),
        _label(pick_up),
        _reply("200 OK", body=_OFFER, retrans=500),
        _recv(request="INVITE", optional="true"),  # sent again by one who heard us late: SIPp repeats our 200 until ACK
        _recv(request="ACK", optional="true", next=met),
        _recv(request="CANCEL"),  # crossed our 200: the caller's side acknowledges and says BYE
        _answer_last(),
        _recv(request="ACK"),
        _label(met),
        *_play(behaviour.sound),
        *_await_end(behaviour.talk),
    ]

"""Asterisk's own queues (app_queue) beside our router, in the Asterisk of a running server.

Configuration files of the rig's own are laid into the run folder, included by the main files and read by a reload; the
product learns nothing of them: native calls come through a trunk and a context of the rig's, and ring phones whose
names are not those of our agents. Whatever makes the server write its configuration anew (a restart, a changed device)
takes them away again.

    await add_native_queues(server, [NativeQueue("native", "3000", [NativeMember("n1", f"sip:n1@127.0.0.1:{port}")])])

The dialplan is as short as can be: the caller is answered at once, as our hold loop answers him, but without waiting
for his first RTP (``Answer(,i)``: a plain Answer would cost native calls up to 500 ms, ours wait beside the agent's
alert), and enters the queue. Trunk and phones have the options of those in ``config/asterisk/pjsip.conf.j2``.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cti.dialplan_names import MUSIC_CLASS
from tests.rig.server import Server

TRUNK = "rig-native"
_DIALED = re.compile(r"3\d{3}")
_PHONE = """
[{name}]
type=endpoint
context={trunk}-none
aors={name}
disallow=all
allow=ulaw,alaw
direct_media=no
rtp_symmetric=yes
force_rport=yes
rewrite_contact=yes
device_state_busy_at=1
allow_transfer=no
send_connected_line=no
trust_connected_line=no
identify_by=auth_username

[{name}]
type=aor
contact={contact}
qualify_frequency=0
"""
_TRUNK = """
[{trunk}]
type=endpoint
context={trunk}
aors={trunk}
disallow=all
allow=ulaw,alaw
direct_media=no
rtp_symmetric=yes
identify_by=request_uri
send_connected_line=no
trust_connected_line=no

[{trunk}]
type=aor
contact=sip:127.0.0.1:5060
qualify_frequency=0

[{trunk}-identify]
type=identify
endpoint={trunk}
match_request_uri=/^sip:3[0-9][0-9][0-9]@/
"""


@dataclass(frozen=True, slots=True)
class NativeMember:
    """A static member of a queue; the same name in several queues is the same phone."""

    name: str
    contact: str
    penalty: int = 0


@dataclass(frozen=True, slots=True)
class NativeQueue:
    """A queue that is reached at ``dialed`` (3000 to 3999). Whole seconds, as app_queue has them."""

    name: str
    dialed: str
    members: Sequence[NativeMember]
    strategy: str = "leastrecent"
    ring_time: int = 20
    wrap_up_time: int = 0

    def text(self) -> str:
        """Return its part of queues.conf."""
        options = {
            "strategy": self.strategy,
            "musicclass": MUSIC_CLASS,
            "timeout": self.ring_time,
            "retry": 1,
            "wrapuptime": self.wrap_up_time,
            "shared_lastcall": "yes",
            "autofill": "yes",
            "ringinuse": "no",
            "joinempty": "yes",
            "leavewhenempty": "no",
            "announce-frequency": 0,
            "periodic-announce-frequency": 0,
            "announce-holdtime": "no",
        }
        lines = [f"{name}={value}" for name, value in options.items()]
        lines += [f"member => PJSIP/{one.name},{one.penalty},{one.name},PJSIP/{one.name}" for one in self.members]
        return "\n".join([f"[{self.name}]", *lines, ""])


async def add_native_queues(server: Server, queues: Sequence[NativeQueue]) -> None:
    """Make the queues, their members' phones and the way to them known to the server's Asterisk."""
    wrong = [one.dialed for one in queues if not _DIALED.fullmatch(one.dialed)]
    if wrong:
        raise ValueError(f"not a number of the native trunk: {wrong}")
    contacts = {one.name: one.contact for queue in queues for one in queue.members}
    phones = (_PHONE.format(name=name, contact=contact, trunk=TRUNK) for name, contact in contacts.items())
    texts = {
        "pjsip.conf": "".join([_TRUNK.format(trunk=TRUNK), *phones]),
        "queues.conf": "\n".join(queue.text() for queue in queues),
        "extensions.conf": _dialplan(queues),
    }
    for name, text in texts.items():
        _include(server, name, text)
    for command in ("module reload res_pjsip.so", "dialplan reload", "module reload app_queue.so"):
        await server.console(command)
    await _check(server, queues)


def _include(server: Server, name: str, text: str) -> None:
    etc = server.pbx_run / "etc"
    (etc / f"rig_{name}").write_text(text)
    with (etc / name).open("a") as main:
        main.write(f"\n#include rig_{name}\n")


def _dialplan(queues: Iterable[NativeQueue]) -> str:
    lines = [f"[{TRUNK}]"]
    for queue in queues:
        lines += [f"exten => {queue.dialed},1,Answer(,i)", f" same => n,Queue({queue.name})", " same => n,Hangup(16)"]
    return "\n".join([*lines, ""])


async def _check(server: Server, queues: Iterable[NativeQueue]) -> None:
    """A member Asterisk cannot reach would only show as a queue that does badly."""
    for queue in queues:
        told = await server.console(f"queue show {queue.name}")
        idle = told.count("(Not in use)")
        assert idle == len(queue.members), f"{queue.name}: {idle} of {len(queue.members)} members are idle: {told}"

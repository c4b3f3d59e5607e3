"""The small dialplan on which the rig and the oracle are tried: no line of it comes from the project."""

from pathlib import Path

from tests.rig.asterisk import PREFIX
from tests.rig.ports import free_ports

IS_HERE = (PREFIX / "asterisk").exists()
PHONES = ("101", "102", "103", "104", "105")
DEAD = "105"

_DIALPLAN = """
[cc-inbound]
exten => _1XXX,1,Dial(PJSIP/agent-${EXTEN:1},3)
exten => 2000,1,Answer()
 same => n,Read(DIGIT,beep,1,,1,5)
 same => n,Goto(cc-hold,${DIGIT},1)
exten => 3101,1,Answer()
 same => n,MixMonitor(both.wav,r(received.wav)t(sent.wav))
 same => n,Dial(PJSIP/agent-101,3)
exten => 4000,1,Answer()
 same => n,Wait(60)
[cc-hold]
exten => _[0-9],1,CELGenUserEvent(CCHold)
 same => n,MusicOnHold(default,60)
[cc-bridge]
exten => s,1,Bridge(${CALLER_CHAN},x)
[cc-internal]
exten => s,1,Hangup()
"""
_CEL_FIELDS = (
    "eventtype,eventtime,uniqueid,linkedid,channame,num,exten,context,appname,peer,userdeftype,eventextra,accountcode"
)
_CEL_EVENTS = "CHAN_START,ANSWER,BRIDGE_ENTER,BRIDGE_EXIT,HANGUP,LINKEDID_END,USER_DEFINED"


class Ports:
    """Where everything of one run listens."""

    def __init__(self) -> None:
        base = free_ports(400)
        self.sip, self.ami, self.phones, self.dead, self.rtp = base, base + 1, base + 2, base + 3, base + 300
        self._next = base + 10

    def take(self, count: int = 1) -> int:
        """The next free ones, once."""
        self._next += count
        return self._next - count


def cel_file(run: Path) -> Path:
    return run / "log/cel-custom/cel.csv"


def configuration(ports: Ports) -> dict[str, str]:
    phones = "\n".join(_phone(name, ports.dead if name == DEAD else ports.phones) for name in PHONES)
    return {
        "pjsip.conf": _PJSIP.format(port=ports.sip) + phones,
        "extensions.conf": _DIALPLAN,
        "cel.conf": f"[general]\nenable=yes\nevents={_CEL_EVENTS}\n",
        "cel_custom.conf": f"[cel.csv]\nformat=dsv\nfields={_CEL_FIELDS}\n",
        "cdr.conf": "[general]\nenable=no\n",
        "rtp.conf": f"[general]\nrtpstart={ports.rtp}\nrtpend={ports.rtp + 99}\n",
        "musiconhold.conf": "[default]\nmode=files\ndirectory=moh\n",
        "manager.conf": _MANAGER.format(port=ports.ami),
    }


_PJSIP = """[global]
endpoint_identifier_order=username,ip,anonymous
[transport-udp]
type=transport
protocol=udp
bind=127.0.0.1:{port}
[trunk]
type=endpoint
context=cc-inbound
disallow=all
allow=ulaw
direct_media=no
[trunk]
type=identify
endpoint=trunk
match=127.0.0.1
"""
_MANAGER = """[general]
enabled=yes
port={port}
bindaddr=127.0.0.1
[rig]
secret=rig
write=all
"""


def _phone(name: str, port: int) -> str:
    return f"""[agent-{name}]
type=endpoint
context=cc-internal
disallow=all
allow=ulaw
direct_media=no
aors=agent-{name}
[agent-{name}]
type=aor
contact=sip:{name}@127.0.0.1:{port}
"""

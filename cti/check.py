"""Looks whether an Asterisk has all we need, line by line: modules, dialplan, music, sounds, rights, CEL.

Uses only the rights of our own AMI user. What AMI cannot see (sound files, the music class, the CEL file) the context
cc-check looks at from inside and leaves in a global variable.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from contactcenter.core.errors import ActionFailed
from cti import dialplan_names as names
from cti.ami.codec import Fields
from cti.calls import UNUSABLE
from cti.provision import PbxSettings, ServerSettings

PROBE_SECONDS = 8.0
_PROBE_STEP = 0.2
_INCLUDE = "include contactcenter_{file} (`contactcenter provision` writes it and says where) and reload"


@dataclass(frozen=True, slots=True)
class CheckLine:
    """One thing looked at. ``remedy`` says what to do when it is not ok; '' otherwise."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""


class Answer(Protocol):
    """An AMI message."""

    def get(self, name: str, default: str = "") -> str:
        """Return a header's value."""
        ...


class Ami(Protocol):
    """What the check needs of an AMI client."""

    def send(self, action: str, fields: Fields) -> Awaitable[Answer]:
        """Send an action; the result is its response. Raises ActionFailed with ``message`` when it is refused."""
        ...

    def collect(self, action: str, fields: Fields, until_event: str) -> Awaitable[Sequence[Answer]]:
        """Send a list action; the result is its events before ``until_event``."""
        ...


async def check(ami: Ami, settings: PbxSettings) -> list[CheckLine]:
    """Return one line for each need; a few seconds, one Local channel, no call touched."""
    lines = [await _booted(ami)]
    lines += [await _module(ami, name) for name in names.MODULES]
    contexts = (*names.CONTEXTS, names.SERVER, names.SERVER_LEG) if settings.servers else names.CONTEXTS
    lines += [await _context(ami, name) for name in contexts]
    lines += await _trunks(ami, settings)
    lines += [await _endpoints(ami, settings), _outbound(settings)]
    lines += [await _right(ami, action, fields) for action, fields in _RIGHTS]
    return lines + await _inside(ami)


_RIGHTS: Sequence[tuple[str, Mapping[str, str]]] = (
    ("Redirect", {"Channel": "cc-none", "Context": names.HOLD, "Exten": "s", "Priority": "1"}),
    ("Setvar", {"Channel": "cc-none", "Variable": names.VAR_RESERVATION, "Value": ""}),
    ("Getvar", {"Channel": "cc-none", "Variable": names.VAR_RESERVATION}),
    ("Hangup", {"Channel": "cc-none"}),
    ("Bridge", {"Channel1": "cc-none", "Channel2": "cc-none"}),
    ("MixMonitor", {"Channel": "cc-none", "File": "cc-none.wav"}),
    ("StopMixMonitor", {"Channel": "cc-none"}),
    ("Status", {"Channel": "cc-none"}),
    ("Ping", {}),
)


_AMI_USER = "give the AMI user the rights of " + _INCLUDE.format(file="manager.conf")
_LOAD = "load {module}.so; app_queue, app_amd, res_parking and res_musiconhold do not load without their .conf file"


async def _ask(ami: Ami, action: str, fields: Mapping[str, str]) -> tuple[Answer | None, str]:
    """Return (answer, '') or (None, why Asterisk refused)."""
    try:
        return await ami.send(action, fields), ""
    except ActionFailed as error:
        return None, str(error.fields.get("message") or error.code)


def _line(name: str, refusal: str, detail: str, remedy: str) -> CheckLine:
    return CheckLine(name, False, refusal, remedy) if refusal else CheckLine(name, True, detail)


async def _booted(ami: Ami) -> CheckLine:
    status, refusal = await _ask(ami, "CoreStatus", {})
    since = f"{status.get('CoreStartupDate')} {status.get('CoreStartupTime')}" if status else ""
    return _line("asterisk", refusal, f"up since {since}", _AMI_USER)


async def _module(ami: Ami, name: str) -> CheckLine:
    _, refusal = await _ask(ami, "ModuleCheck", {"Module": f"{name}.so"})
    return _line(f"module {name}", refusal, "loaded", _LOAD.format(module=name))


async def _context(ami: Ami, name: str) -> CheckLine:
    try:
        found = await ami.collect("ShowDialPlan", {"Context": name}, "ShowDialPlanComplete")
    except ActionFailed as error:
        return CheckLine(f"context {name}", False, str(error.fields.get("message")), _EXTENSIONS)
    return _line(f"context {name}", "" if found else "empty", "there", _EXTENSIONS)


_EXTENSIONS = _INCLUDE.format(file="extensions.conf")


async def _endpoints(ami: Ami, settings: PbxSettings) -> CheckLine:
    wanted = {one.name for one in settings.endpoints} | {one.name for one in settings.trunks}
    wanted |= {settings.outbound} - {""}
    try:
        listed = await ami.collect("PJSIPShowEndpoints", {}, "EndpointListComplete")
    except ActionFailed:  # also when there is none at all
        listed = []
    missing = ", ".join(sorted(wanted - {one.get("ObjectName") for one in listed}))
    refusal = f"missing: {missing}" if missing else ""
    return _line("endpoints", refusal, f"{len(wanted)} there", _INCLUDE.format(file="pjsip.conf"))


def _outbound(settings: PbxSettings) -> CheckLine:
    """Whether customers can be called back is a choice; the endpoint itself is among those looked for."""
    name = settings.outbound_trunk
    return CheckLine("calls to customers", True, f"over {name}" if name else "none: there is no trunk for them")


async def _trunks(ami: Ami, settings: PbxSettings) -> list[CheckLine]:
    """A line for the trunk to each other server of the site: there, and answered at its far end."""
    try:
        listed = await ami.collect("PJSIPShowEndpoints", {}, "EndpointListComplete") if settings.servers else []
    except ActionFailed:
        listed = []
    states = {one.get("ObjectName"): one.get("DeviceState") for one in listed}
    return [_trunk(one, states.get(f"{names.TRUNK_PREFIX}{one.server_id}")) for one in settings.servers]


def _trunk(other: ServerSettings, state: str | None) -> CheckLine:
    name, where = f"trunk to {other.server_id}", f"{other.host}:{other.port}"
    if state is None:
        return CheckLine(name, False, "not there", _INCLUDE.format(file="pjsip.conf"))
    if state in UNUSABLE:
        return CheckLine(name, False, f"nobody answers at {where}", "is it running? do firewalls let SIP through?")
    return CheckLine(name, True, where)


async def _right(ami: Ami, action: str, fields: Mapping[str, str]) -> CheckLine:
    """Try an action on a channel that is not there: only the refusal for lack of rights says ``Permission denied``."""
    _, refusal = await _ask(ami, action, fields)
    denied = "denied" if refusal == "Permission denied" else ""
    return _line(f"right {action}", denied, "granted", _AMI_USER)


async def _inside(ami: Ami) -> list[CheckLine]:
    found = await _probe(ami)
    if found is None:
        return [CheckLine("probe", False, "no answer from " + names.CHECK, "is the AMI user allowed to originate?")]
    return [
        *(_sound(sound, found) for sound in names.SOUNDS),
        _seen(f"music {names.MUSIC_CLASS}", int(found.get("music") or 0) >= 1, "plays", "musiconhold.conf"),
        _seen(f"cel {names.CEL_FILE}", int(found.get("cel") or 0) > 0, "written", "cel_custom.conf"),
    ]


def _sound(sound: str, found: Mapping[str, str]) -> CheckLine:
    ok = found.get(f"sound-{sound}") not in {None, "", "0"}
    remedy = "" if ok else "install the English core sounds (asterisk-core-sounds-en-gsm)"
    return CheckLine(f"sound {sound}", ok, "there" if ok else "no file", remedy)


def _seen(name: str, ok: bool, detail: str, file: str) -> CheckLine:
    return CheckLine(name, ok, detail if ok else "not seen", "" if ok else _INCLUDE.format(file=file))


async def _probe(ami: Ami) -> Mapping[str, str] | None:
    """Run cc-check once; the one-time word tells its result from an older one's."""
    word = secrets.token_hex(8)
    _, refusal = await _ask(
        ami,
        "Originate",
        {
            "Channel": f"Local/{word}@{names.CHECK}/n",
            "Context": names.PARK,
            "Exten": "s",
            "Priority": "1",
            "Async": "true",
        },
    )
    return None if refusal else await _poll(lambda: _result(ami, word))


async def _result(ami: Ami, word: str) -> Mapping[str, str] | None:
    answer, _ = await _ask(ami, "Getvar", {"Variable": names.VAR_CHECK})
    first, *pairs = (answer.get("Value") if answer else "").split("&")
    return dict(pair.split("=", 1) for pair in pairs) if first == word else None


async def _poll(
    look: Callable[[], Awaitable[Mapping[str, str] | None]],
) -> Mapping[str, str] | None:
    for _ in range(round(PROBE_SECONDS / _PROBE_STEP)):
        found = await look()
        if found is not None:
            return found
        await asyncio.sleep(_PROBE_STEP)
    return None

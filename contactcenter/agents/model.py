"""Agents: people who handle interactions, with device, skills, team and chosen presence.

Rules: an extension names one agent of a site and so its endpoint (``agent-<extension>``); a skill's level is 1..10;
an agent has one device; not-ready needs a reason out of the list. Presence itself is owned by the router.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from contactcenter.core.errors import Invalid
from contactcenter.core.events import Event, event
from contactcenter.core.ids import AgentId, DeviceId, ServerId, SiteId, SkillId, TeamId, UserId

MAX_LEVEL: Final = 10
_EXTENSION: Final = re.compile(r"[0-9]{2,10}", re.ASCII)
_CODE: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,59}", re.ASCII)
# The address is written into a configuration file of the PBX: nothing but these shapes may pass, and nothing that
# provisioning refuses, or the next start would fail.
_CONTACT_URI: Final = re.compile(
    r"sip:[a-z0-9_-]{1,40}@[A-Za-z0-9.-]{1,120}:(?P<port>[0-9]{1,5})(?:;transport=(?:udp|tcp))?", re.ASCII
)
MAX_PORT: Final = 65_535


class PresenceState(StrEnum):
    """The agent's chosen availability."""

    READY = "ready"
    NOT_READY = "not-ready"
    OFFLINE = "offline"


class DeviceKind(StrEnum):
    """What the agent talks into."""

    BROWSER = "browser"
    DESK = "desk"


class DeviceMode(StrEnum):
    """How the device is reached; the words of interactions' LegMode."""

    RING = "ring"
    AUTO = "auto"
    NAILED = "nailed"


@dataclass(frozen=True, slots=True)
class Skill:
    """A named ability; flows and queues name it by ``name``, screens show ``label``."""

    skill_id: SkillId
    name: str
    label: str


@dataclass(frozen=True, slots=True)
class Team:
    """A group of agents; its supervisors reach its members with a right of scope team."""

    team_id: TeamId
    site_id: SiteId
    name: str
    supervisors: frozenset[UserId] = frozenset()


@dataclass(frozen=True, slots=True)
class Device:
    """One PJSIP endpoint. ``contact_uri``: the fixed address of a desk phone that does not register, else ''."""

    device_id: DeviceId
    server_id: ServerId
    endpoint: str
    kind: DeviceKind
    mode: DeviceMode
    secret: str = field(repr=False)
    contact_uri: str = ""


@dataclass(frozen=True, slots=True)
class Presence:
    """What the router last announced; ``since`` is when it began."""

    state: PresenceState
    reason: str
    since: datetime


@dataclass(frozen=True, slots=True)
class AgentRecord:
    """One agent with everything the router and the screens need; ``skills`` maps skill id to level."""

    agent_id: AgentId
    site_id: SiteId
    user_id: UserId
    name: str
    extension: str
    team_id: TeamId | None
    team_name: str
    voice_capacity: int
    is_active: bool
    skills: Mapping[SkillId, int]
    device: Device
    presence: Presence

    @property
    def initials(self) -> str:
        """Up to two letters for the round picture."""
        return initials(self.name)


@dataclass(frozen=True, slots=True)
class NotReadyReason:
    """Why an agent may choose not to be ready; shown in order of ``position``."""

    code: str
    label: str
    position: int
    is_active: bool = True


@dataclass(frozen=True, slots=True)
class Membership:
    """What a user is among agents: his own agent, and the teams he belongs to or supervises."""

    agent_id: AgentId | None = None
    team_ids: frozenset[TeamId] = frozenset()


@event("agent-changed", subject="agent_id")
@dataclass(frozen=True, slots=True)
class AgentChanged(Event):
    """An agent was created or changed; ``fields`` names what changed, never to what."""

    agent_id: AgentId
    change: str
    fields: tuple[str, ...] = ()


@event("skill-changed", subject="skill_id")
@dataclass(frozen=True, slots=True)
class SkillChanged(Event):
    """A skill was created or changed."""

    skill_id: SkillId
    change: str


@event("team-changed", subject="team_id")
@dataclass(frozen=True, slots=True)
class TeamChanged(Event):
    """A team or its supervisors changed."""

    team_id: TeamId
    change: str


@event("not-ready-reason-changed", subject="code")
@dataclass(frozen=True, slots=True)
class NotReadyReasonChanged(Event):
    """A not-ready reason was created or changed."""

    code: str
    change: str


def initials(name: str) -> str:
    """Return the first letters of the first and last word of ``name``, upper case."""
    words = [word for word in name.split() if word[0].isalnum()]
    letters = [words[0][0], *([words[-1][0]] if len(words) > 1 else [])] if words else []
    return "".join(letters).upper()


def endpoint_name(extension: str) -> str:
    """Return the PJSIP endpoint of an extension."""
    return f"agent-{extension}"


def check_extension(extension: str) -> None:
    """Raise Invalid unless ``extension`` is 2..10 digits."""
    if not _EXTENSION.fullmatch(extension):
        raise Invalid("invalid", {"extension": "not-an-extension"})


def check_code(code: str) -> None:
    """Raise Invalid unless ``code`` is a kebab-case word."""
    if not _CODE.fullmatch(code):
        raise Invalid("invalid", {"code": "not-a-code"})


def check_contact_uri(uri: str, kind: DeviceKind) -> None:
    """Raise Invalid unless ``uri`` is empty or a plain SIP address of a desk phone: ``sip:1001@10.0.0.7:5060``."""
    shape = _CONTACT_URI.fullmatch(uri)
    is_address = kind is DeviceKind.DESK and shape is not None and 1 <= int(shape["port"]) <= MAX_PORT
    if uri and not is_address:
        raise Invalid("invalid", {"contact_uri": "not-a-sip-address"})


def check_levels(skills: Mapping[SkillId, int], known: Collection[SkillId]) -> None:
    """Raise Invalid for a skill that does not exist or a level outside 1..10."""
    for skill_id, level in skills.items():
        if skill_id not in known:
            raise Invalid("invalid", {"skills": "unknown-skill"})
        if not 1 <= level <= MAX_LEVEL:
            raise Invalid("invalid", {"skills": "level-out-of-range"})


def check_presence(state: PresenceState, reason: str, reasons: Collection[NotReadyReason]) -> str:
    """Return the reason that goes with ``state``: one of the list for not-ready, '' otherwise. Raises Invalid."""
    if state is not PresenceState.NOT_READY:
        return ""
    if not reason:
        raise Invalid("reason-needed")
    if reason not in {known.code for known in reasons if known.is_active}:
        raise Invalid("invalid", {"reason": "unknown-reason"})
    return reason

"""Agents: people who handle interactions, with device, skills, team and chosen presence.

Rules: an extension names one agent of a site and so its endpoint (``agent-<extension>``); a skill's level is 1..10;
an agent has one device; not-ready needs a reason out of the list. Presence itself is owned by the router.

What the router may give an agent is his own settings over those of his routing profile, if he has one: skill by skill
his own level wins; queues and capacity of his own take the place of the profile's. Without either he serves every queue
whose skills he has, one call at a time.
"""

import re
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from contactcenter.core.errors import Invalid
from contactcenter.core.events import Event, event
from contactcenter.core.ids import AgentId, DeviceId, ProfileId, QueueId, ServerId, SiteId, SkillId, TeamId, UserId
from contactcenter.core.media import MOST, VOICE
from routing.commands import Service

MAX_LEVEL: Final = 10
MAX_ORDER: Final = 100
MAX_DELAY: Final = 86_400.0
PROFILE_VERSIONS: Final = "profile"
AGENT_VERSIONS: Final = "agent"
SKILL_VERSIONS: Final = "skill"
TEAM_VERSIONS: Final = "team"
"""The kinds under which versions are kept; the field ``version`` of each tells the latest, 0 when there is none."""
Levels = Mapping[SkillId, int]
Queues = Mapping[QueueId, Service]
Capacity = Mapping[str, int]
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
    version: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Team:
    """A group of agents; its supervisors reach its members with a right of scope team."""

    team_id: TeamId
    site_id: SiteId
    name: str
    supervisors: frozenset[UserId] = frozenset()
    version: int = field(default=0, compare=False)


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


def one_call() -> Capacity:
    """Return the capacity of one of whom nothing else is said."""
    return {VOICE: 1}


@dataclass(frozen=True, slots=True)
class RoutingProfile:
    """What many agents have in common: levels, queues with order and delay (None: all he has the skills for), capacity.

    Its name is unique in the site, in any case.
    """

    profile_id: ProfileId
    site_id: SiteId
    name: str
    skills: Levels = field(default_factory=dict)
    queues: Queues | None = None
    capacity: Capacity = field(default_factory=one_call)
    version: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class OwnSettings:
    """What is set for one agent himself; None leaves it to his profile."""

    skills: Levels = field(default_factory=dict)
    queues: Queues | None = None
    capacity: Capacity | None = None


@dataclass(frozen=True, slots=True)
class AgentRecord:
    """One agent with everything the router and the screens need.

    ``skills`` (id to level), ``queues`` (None: every queue whose skills he has) and ``capacity`` (by medium) are what
    holds; what is set for himself is ``own``.
    """

    agent_id: AgentId
    site_id: SiteId
    user_id: UserId
    name: str
    extension: str
    team_id: TeamId | None
    team_name: str
    is_active: bool
    skills: Levels
    device: Device
    presence: Presence
    queues: Queues | None = None
    capacity: Capacity = field(default_factory=one_call)
    profile_id: ProfileId | None = None
    own: OwnSettings = OwnSettings()
    version: int = field(default=0, compare=False)

    @property
    def initials(self) -> str:
        """Up to two letters for the round picture."""
        return initials(self.name)


@dataclass(frozen=True, slots=True)
class AgentFilters:
    """Which agents a list is narrowed to; empty fields do not narrow.

    ``text``: each of its words stands in the name, the extension or the team's name, in any case and with or without
    accents. ``skill_id``: who has it at any level, of his own or by his profile.
    """

    text: str = ""
    team_id: str | None = None
    skill_id: str | None = None
    profile_id: str | None = None


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """What is kept of an agent after each change: how he is routed to. Names, extension and device are not."""

    team_id: TeamId | None
    profile_id: ProfileId | None
    skills: Levels
    queues: Queues | None
    capacity: Capacity | None


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


@event("routing-profile-changed", subject="profile_id")
@dataclass(frozen=True, slots=True)
class RoutingProfileChanged(Event):
    """A routing profile was created, changed, restored or deleted; ``fields`` names what changed."""

    profile_id: ProfileId
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


def name_key(name: str) -> str:
    """Return what makes two profiles' names the same."""
    return " ".join(name.casefold().split())


def plain(text: str) -> str:
    """Return a text as it is searched in: without case and accents."""
    parts = unicodedata.normalize("NFKD", text.casefold())
    return "".join(part for part in parts if not unicodedata.combining(part))


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


def merged(
    own: OwnSettings, profile: RoutingProfile | OwnSettings = OwnSettings()
) -> tuple[Levels, Queues | None, Capacity]:
    """Return the skills, queues and capacity that hold for an agent with these settings and this profile."""
    capacity = profile.capacity if own.capacity is None else own.capacity
    return (
        {**profile.skills, **own.skills},
        profile.queues if own.queues is None else own.queues,
        one_call() if capacity is None else capacity,
    )


@dataclass(frozen=True, slots=True)
class Known:
    """What there is to name: the ids of every skill, of the site's queues and of its profiles."""

    skills: Collection[SkillId]
    queues: Collection[QueueId]
    profiles: Collection[ProfileId]


def check_settings(settings: OwnSettings | RoutingProfile, known: Known) -> None:
    """Raise Invalid, naming every wrong one of skills, queues and capacity."""
    wrong = {**_wrong_levels(settings.skills, known.skills), **_wrong_queues(settings.queues or {}, known.queues)}
    wrong |= _wrong_capacity(settings.capacity or {})
    if wrong:
        raise Invalid("invalid", wrong)


def _wrong_levels(skills: Levels, known: Collection[SkillId]) -> dict[str, str]:
    if any(skill_id not in known for skill_id in skills):
        return {"skills": "unknown-skill"}
    return {"skills": "level-out-of-range"} if any(not 1 <= one <= MAX_LEVEL for one in skills.values()) else {}


def _wrong_queues(queues: Queues, known: Collection[QueueId]) -> dict[str, str]:
    if any(queue_id not in known for queue_id in queues):
        return {"queues": "unknown-queue"}
    wrong = {}
    for queue_id, (order, delay) in queues.items():
        if not 0 <= order <= MAX_ORDER:
            wrong[f"queues.{queue_id}.order"] = "out-of-range"
        if not 0 <= delay <= MAX_DELAY:
            wrong[f"queues.{queue_id}.delay"] = "out-of-range"
    return wrong


def _wrong_capacity(capacity: Capacity) -> dict[str, str]:
    if not capacity.keys() <= MOST.keys():
        return {"capacity": "unknown-medium"}
    return {f"capacity.{medium}": "out-of-range" for medium, one in capacity.items() if not 1 <= one <= MOST[medium]}


def check_presence(state: PresenceState, reason: str, reasons: Collection[NotReadyReason]) -> str:
    """Return the reason that goes with ``state``: one of the list for not-ready, '' otherwise. Raises Invalid."""
    if state is not PresenceState.NOT_READY:
        return ""
    if not reason:
        raise Invalid("reason-needed")
    if reason not in {known.code for known in reasons if known.is_active}:
        raise Invalid("invalid", {"reason": "unknown-reason"})
    return reason

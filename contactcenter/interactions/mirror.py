"""The picture in the other processes of a site: slots of packed bytes, numbered. Pure.

The router's process offers each thing its picture holds as a slot: ``agent:<id>``, ``item:<id>`` (an interaction with
its card), ``queue:<id>``, ``figures``, ``site`` (links, skills, what else is one for all). A slot goes out when it
differs from what went out before. Another process applies what it hears to a picture of its own, on which the very same
screens work; a number it missed means that it asks for everything.

An agent's phone secret is left out: who needs it reads it from the database.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, TypeVar

import msgspec

from contactcenter.core.ids import AgentId, InteractionId, QueueId, ServerId, SkillId
from contactcenter.interactions.audit import Healed
from contactcenter.interactions.figures import DayFigures, Paces, QueueFigures
from contactcenter.interactions.live import Link, LiveAgent, Picture
from contactcenter.interactions.model import Interaction
from contactcenter.queues.model import Queue

T = TypeVar("T")
Slots = dict[str, bytes | None]
_KINDS: Final[Mapping[str, str]] = {"agent": "agent", "work": "item", "card": "item", "queue": "queue", "link": "site"}


class Site(msgspec.Struct, forbid_unknown_fields=True):
    """What there is once. ``own_port``: the WebSocket's of an Asterisk that is ours; ``healed``: what audits found."""

    links: list[Link]
    trunks: list[tuple[ServerId, ServerId, bool]]
    skills: dict[str, SkillId]
    skill_labels: dict[SkillId, str]
    flows: dict[str, str]
    is_simulated: bool
    is_ready: bool
    degraded: list[dict[str, Any]]
    audited_at: datetime | None
    healed: list[Healed]
    own_port: int | None


class Counts(msgspec.Struct, array_like=True):
    """One queue's figures; of the last 15 minutes how many visits ended, and how many of them in target."""

    offered: int
    answered: int
    abandoned: int
    short_abandoned: int
    in_target: int
    flowed_out: int
    recent: int
    recent_in_target: int


class Figures(msgspec.Struct):
    """The day's figures of all queues."""

    day_began_at: datetime
    queues: dict[QueueId, Counts]
    paces: dict[QueueId, Paces]


class Changes(msgspec.Struct, array_like=True):
    """Slots that changed since number ``prev`` (None: gone); everything there is when ``prev`` is 0.

    ``epoch`` is an id made when the sender began: a greater one is a younger sender.
    """

    epoch: str
    seq: int
    prev: int
    slots: Slots


_pack = msgspec.msgpack.Encoder().encode
_agent = msgspec.msgpack.Decoder(LiveAgent)
_item = msgspec.msgpack.Decoder(Interaction)
_queue = msgspec.msgpack.Decoder(Queue)
_figures = msgspec.msgpack.Decoder(Figures)
_site = msgspec.msgpack.Decoder(Site)
_changes = msgspec.msgpack.Decoder(Changes)


def _decode(decoder: msgspec.msgpack.Decoder[T], packed: bytes) -> T:
    """Return what was packed. Raises msgspec.DecodeError whatever is wrong with it."""
    try:
        return decoder.decode(packed)
    except (UnicodeDecodeError, RecursionError) as error:
        raise msgspec.DecodeError(str(error)) from error


class Source:
    """What went out so far, and under which number. Owned by the router's process."""

    def __init__(self, epoch: str) -> None:
        self.epoch = epoch
        self.seq = 0
        self._sent: dict[str, bytes] = {}
        self._news: Slots = {}

    def offer(self, key: str, slot: bytes | None) -> None:
        """Take one slot as it is now; None when there is no such thing any more."""
        if self._sent.get(key) == slot:
            return
        self._news[key] = slot
        if slot is None:
            del self._sent[key]
        else:
            self._sent[key] = slot

    def keys(self, kind: str) -> set[str]:
        """Return the keys of one kind that went out and were not taken back."""
        return {key for key in self._sent if key.partition(":")[0] == kind}

    def take(self) -> bytes | None:
        """Return the message of what was offered since; None when nothing changed."""
        if not self._news:
            return None
        news, self._news = self._news, {}
        self.seq += 1
        return _pack(Changes(self.epoch, self.seq, self.seq - 1, news))

    def beat(self) -> bytes:
        """Return a message that says only that the sender lives, and its last number."""
        return _pack(Changes(self.epoch, self.seq, self.seq, {}))

    def everything(self) -> bytes:
        """Return all slots as of the last number; what was offered and not taken yet comes again after it."""
        return _pack(Changes(self.epoch, self.seq, 0, dict(self._sent)))


def is_everything(message: bytes) -> bool:
    """Tell whether a message holds all slots. Raises msgspec.DecodeError for what is no such message."""
    return _decode(_changes, message).prev == 0


def key_of(touched: str) -> str:
    """Return the slot that holds what the picture says was touched."""
    kind, _, one = touched.partition(":")
    name = _KINDS[kind]
    return name if name == "site" else f"{name}:{one}"


def pack(picture: Picture, key: str) -> bytes | None:
    """Return one thing of the picture, packed; None when it holds no such thing."""
    kind, _, one = key.partition(":")
    if kind == "agent":
        agent = picture.agents.get(AgentId(one))
        return _pack_agent(agent) if agent is not None else None
    things: Mapping[Any, Any] = picture.interactions if kind == "item" else picture.queues
    thing = things.get(one)
    return _pack(thing) if thing is not None else None


def _pack_agent(agent: LiveAgent) -> bytes:
    record = agent.record
    return _pack(replace(agent, record=replace(record, device=replace(record.device, secret=""))))


def keys_of(picture: Picture) -> list[str]:
    """Return the slots of everything the picture holds, ``site`` and ``figures`` apart."""
    return [
        *(f"queue:{one}" for one in picture.queues),
        *(f"agent:{one}" for one in picture.agents),
        *(f"item:{one}" for one in picture.interactions),
    ]


def pack_site(site: Site) -> bytes:
    """Return what there is once, packed."""
    return _pack(site)


def pack_figures(figures: DayFigures, queues: Iterable[QueueId], now: datetime) -> bytes:
    """Return the figures of the queues, packed."""
    counts = {one: _counts(figures.of(one), now) for one in queues}
    return _pack(Figures(figures.day_began_at, counts, figures.paces))


def _counts(one: QueueFigures, now: datetime) -> Counts:
    in_target, recent = one.recent_counts(now)
    counts = (one.offered, one.answered, one.abandoned, one.short_abandoned, one.in_target, one.flowed_out)
    return Counts(*counts, recent, in_target)


@dataclass(slots=True)
class _ShownQueue(QueueFigures):
    """One queue's figures as they were told; those of the last 15 minutes are counted where the visits are known."""

    recent_in_target: int = 0
    recent_ended: int = 0

    def recent_counts(self, now: datetime) -> tuple[int, int]:
        return self.recent_in_target, self.recent_ended


class ShownFigures(DayFigures):
    """The figures as the router's process last told them."""

    def show(self, told: Figures) -> None:
        """Take them as told."""
        self.day_began_at = told.day_began_at
        self.queues = {queue_id: _shown(one) for queue_id, one in told.queues.items()}
        self.paces = told.paces

    def totals(self, queues: Mapping[QueueId, object]) -> QueueFigures:
        chosen = [one for queue_id, one in self.queues.items() if queue_id in queues]
        shown = [one for one in chosen if isinstance(one, _ShownQueue)]
        total = DayFigures.totals(self, queues)
        return _ShownQueue(
            total.offered,
            total.answered,
            total.abandoned,
            total.short_abandoned,
            total.in_target,
            total.flowed_out,
            recent_in_target=sum(one.recent_in_target for one in shown),
            recent_ended=sum(one.recent_ended for one in shown),
        )


def _shown(one: Counts) -> _ShownQueue:
    return _ShownQueue(
        one.offered,
        one.answered,
        one.abandoned,
        one.short_abandoned,
        one.in_target,
        one.flowed_out,
        recent_in_target=one.recent_in_target,
        recent_ended=one.recent,
    )


class Gap(Exception):
    """A number is missing, or another sender began: only everything helps."""


class Replica:
    """What was heard of the picture, and how far. Owned by a process that shows it."""

    def __init__(self, picture: Picture, figures: ShownFigures) -> None:
        self.picture = picture
        self.figures = figures
        self.site: Site | None = None
        self.epoch = ""
        self.seq = 0
        self._keys: set[str] = set()

    @property
    def is_ready(self) -> bool:
        """Whether the router's process said that it serves calls."""
        return self.site is not None and self.site.is_ready

    def apply(self, message: bytes) -> set[str] | None:
        """Bring the picture up to date; return what the picture's watchers have to be told was touched.

        None: it is of a sender that was replaced, or of before what we have. Raises Gap, after which only everything
        helps; msgspec.DecodeError for what is no such message, or holds what is no such slot. Then nothing has changed.
        """
        news = _decode(_changes, message)
        is_everything, is_ours = not news.prev, news.epoch == self.epoch
        if news.epoch < self.epoch or (is_ours and news.seq < self.seq):
            return None
        if is_ours and news.seq == self.seq and 0 < news.prev < news.seq:
            return None  # everything held it
        if not is_everything and (news.epoch, news.prev) != (self.epoch, self.seq):
            raise Gap
        things = {key: _unpack(key, slot) for key, slot in news.slots.items()}
        if is_everything:
            things |= dict.fromkeys(self._keys - things.keys())  # what is not there is gone
        self.epoch, self.seq = news.epoch, news.seq
        return {touched for key, thing in things.items() for touched in self._take(key, thing)}

    def forget_sender(self) -> None:
        """Take everything of whoever tells it next, whatever his epoch."""
        self.epoch, self.seq = "", 0

    def _take(self, key: str, thing: Any) -> tuple[str, ...]:
        (self._keys.discard if thing is None else self._keys.add)(key)
        kind, _, one = key.partition(":")
        return _SLOTS[kind][1](self, one, thing)

    def _take_agent(self, one: str, agent: LiveAgent | None) -> tuple[str, ...]:
        if agent is not None:
            self.picture.add_agent(agent)
        elif (before := self.picture.agents.get(AgentId(one))) is not None:
            self.picture.remove_agent(before)
        return (f"agent:{one}",)

    def _take_item(self, one: str, item: Interaction | None) -> tuple[str, ...]:
        before = self.picture.interactions.get(InteractionId(one))
        if item is not None:
            self.picture.add(item)
        elif before is not None:
            self.picture.drop(before)
        return f"work:{one}", f"card:{one}"

    def _take_queue(self, one: str, queue: Queue | None) -> tuple[str, ...]:
        if queue is None:
            self.picture.queues.pop(QueueId(one), None)
        else:
            self.picture.queues[QueueId(one)] = queue
        return (f"queue:{one}",)

    def _take_figures(self, one: str, told: Figures | None) -> tuple[str, ...]:
        if told is not None:
            self.figures.show(told)
        return ("figures:",)

    def _take_site(self, one: str, site: Site | None) -> tuple[str, ...]:
        if site is None:
            return ()
        self.site = site
        picture = self.picture
        links = {link.server_id: link for link in site.links}
        gone = picture.links.keys() - links.keys()
        picture.links = links
        picture.trunks = {(one, other): is_up for one, other, is_up in site.trunks}
        picture.skills, picture.skill_labels, picture.flows = site.skills, site.skill_labels, site.flows
        picture.is_simulated = site.is_simulated
        return "link:", *(f"link:{server_id}" for server_id in (*links, *gone))


_SLOTS: Final[Mapping[str, tuple[msgspec.msgpack.Decoder[Any], Callable[..., tuple[str, ...]]]]] = {
    "agent": (_agent, Replica._take_agent),
    "item": (_item, Replica._take_item),
    "queue": (_queue, Replica._take_queue),
    "figures": (_figures, Replica._take_figures),
    "site": (_site, Replica._take_site),
}
"""How each kind of slot is read and taken."""


def _unpack(key: str, slot: bytes | None) -> Any:
    kind = key.partition(":")[0]
    if kind not in _SLOTS:
        raise msgspec.DecodeError(f"no kind of slot: {kind}")  # a younger program's
    return _decode(_SLOTS[kind][0], slot) if slot is not None else None

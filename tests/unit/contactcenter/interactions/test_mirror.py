"""What another process shows is what the router's process holds: packed, numbered, applied."""

import contextlib
import dataclasses
import types
import typing
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contactcenter.core.ids import AgentId, InteractionId, QueueId, ServerId
from contactcenter.interactions import mirror
from contactcenter.interactions.figures import DayFigures, QueueFigures
from contactcenter.interactions.live import Link, LiveAgent, Picture
from contactcenter.interactions.mirror import Changes, Counts, Figures, Gap, Replica, ShownFigures, Site, Source
from contactcenter.interactions.model import Interaction, Phase
from contactcenter.queues.model import Queue
from tests.fakes.room import QUEUE, queue, record
from tests.fakes.virtual_time import VirtualTime

NOW = VirtualTime().now()
CARD = {
    "person": {"name": "Zoë Çelik 李 🦜", "organisation": None, "since": datetime(2024, 2, 29, 23, 59, 59, 1, UTC)},
    "history": [{"at": NOW, "ok": True, "minutes": 1.5, "count": -(2**40), "none": None, "deep": [[], {}, [""]]}],
    "": {},
}

# ------------------------------------------------------------------ objects with every field set


def filled(kind: Any, *, name: str = "", default: Any = dataclasses.MISSING) -> Any:
    """A value of any type that a picture holds, other than its default; of a class, one with every field set so."""
    kind = getattr(kind, "__supertype__", kind)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        return filled(next(one for one in arguments if one is not types.NoneType), name=name)
    if dataclasses.is_dataclass(kind) or (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
        hints = typing.get_type_hints(kind)
        return kind(**{one: filled(hints[one], name=one, default=given) for one, given in defaults_of(kind).items()})
    if isinstance(kind, type) and issubclass(kind, tuple):  # a named one
        hints, given = typing.get_type_hints(kind), kind._field_defaults
        return kind(*(filled(hints[one], name=one, default=given.get(one)) for one in kind._fields))
    if origin is tuple and arguments[-1] is not ...:
        return tuple(filled(one, name=name) for one in arguments)
    if origin in (list, tuple, Sequence):
        return (list if origin is list else tuple)([filled(arguments[0], name=name)])
    if origin is frozenset:
        return frozenset([filled(arguments[0], name=name)])
    if origin in (dict, Mapping):
        return CARD if arguments == (str, Any) else {filled(arguments[0], name=name): filled(arguments[1], name=name)}
    if isinstance(kind, type) and issubclass(kind, Enum):
        return next(one for one in reversed(kind) if one != default)
    if kind is bool:
        return default is not True
    plain = {str: f"{name} – ü", int: 4711, float: 12.25, datetime: NOW + timedelta(microseconds=1), Any: CARD}
    assert plain[kind] != default
    return plain[kind]


def defaults_of(kind: Any) -> dict[str, Any]:
    if dataclasses.is_dataclass(kind):
        return {one.name: one.default for one in dataclasses.fields(kind)}
    return dict.fromkeys(kind.__struct_fields__, dataclasses.MISSING)


def plain(thing: Any) -> Any:
    """All that an object says, field by field, whether or not its ``==`` looks at it."""
    if dataclasses.is_dataclass(thing) or isinstance(thing, msgspec.Struct):
        return {name: plain(getattr(thing, name)) for name in defaults_of(type(thing))}
    if isinstance(thing, Mapping):
        return {key: plain(value) for key, value in thing.items()}
    return [plain(one) for one in thing] if isinstance(thing, list | tuple) else thing


def agent(name: str = "ann", **changes: Any) -> LiveAgent:
    return dataclasses.replace(LiveAgent.of(record(name)), **changes)


def item(one: str = "i-1", **changes: Any) -> Interaction:
    made: Interaction = filled(Interaction)
    return dataclasses.replace(made, interaction_id=InteractionId(one), leg_id=f"leg of {one}", **changes)


def site(*links: Link, **changes: Any) -> Site:
    made: Site = filled(Site)
    return msgspec.structs.replace(made, links=list(links), **changes)


class Pair:
    """A picture, its source, and a replica of it."""

    def __init__(self, epoch: str = "e1") -> None:
        self.picture = Picture()
        self.figures = DayFigures(NOW)
        self.source = Source(epoch)
        self.replica = Replica(Picture(), ShownFigures(NOW))

    def offer(self, *keys: str) -> None:
        for key in keys or mirror.keys_of(self.picture):
            self.source.offer(key, mirror.pack(self.picture, key))

    def take(self) -> bytes:
        message = self.source.take()
        assert message is not None
        return message

    def tell(self, *keys: str) -> set[str] | None:
        self.offer(*keys)
        return self.replica.apply(self.take())

    def check_same(self) -> None:
        other = self.replica.picture
        assert plain(other.queues) == plain(self.picture.queues)
        assert plain(other.interactions) == plain(self.picture.interactions)
        assert other.agents.keys() == self.picture.agents.keys()
        assert all(mirror.pack(other, key) == mirror.pack(self.picture, key) for key in mirror.keys_of(self.picture))


def pair_with(*things: Any) -> Pair:
    """Told and taken: agents, interactions, queues."""
    pair = Pair()
    for one in things:
        if isinstance(one, Queue):
            pair.picture.queues[one.queue_id] = one
        else:
            (pair.picture.add_agent if isinstance(one, LiveAgent) else pair.picture.add)(one)
    pair.tell()
    return pair


# ------------------------------------------------------------------ every field is carried


@pytest.mark.parametrize("kind", [LiveAgent, Interaction, Queue, Link, Site, Figures])
def test_a_filled_one_differs_from_its_defaults_in_every_field(kind: Any) -> None:
    made = filled(kind)
    for name, default in defaults_of(kind).items():
        assert getattr(made, name) not in (default, None)
        assert getattr(made, name) or default is True or isinstance(getattr(made, name), bool)


def test_every_field_of_an_agent_is_carried_but_the_phones_secret() -> None:
    live = filled(LiveAgent)
    live.record = dataclasses.replace(live.record, device=filled(type(live.record.device)))
    pair = pair_with(live)
    (told,) = pair.replica.picture.agents.values()
    blank = dataclasses.replace(live.record.device, secret="")
    assert plain(told) == plain(dataclasses.replace(live, record=dataclasses.replace(live.record, device=blank)))
    assert live.record.device.secret, "the picture's own is left as it is"


@pytest.mark.parametrize("phase", list(Phase))
def test_every_field_of_an_interaction_is_carried(phase: Phase) -> None:
    made = item(phase=phase)
    assert made.visit
    assert made.alert
    assert made.alert.why == CARD
    assert made.segment
    pair = pair_with(made)
    (told,) = pair.replica.picture.interactions.values()
    assert plain(told) == plain(made)
    assert told is not made
    assert pair.replica.picture.find_by_leg(made.server_id, made.leg_id) is told


def test_a_bare_interaction_is_carried_too() -> None:
    bare = item(visit=None, alert=None, segment=None, card=None, outcome=None, ended_at=None, choices=())
    (told,) = pair_with(bare).replica.picture.interactions.values()
    assert plain(told) == plain(bare)


def test_every_field_of_a_queue_is_carried() -> None:
    made = filled(Queue)
    (told,) = pair_with(made).replica.picture.queues.values()
    assert plain(told) == plain(made)


def test_every_field_of_what_there_is_once_is_carried() -> None:
    pair, made = Pair(), filled(Site)
    assert len(made.healed) == len(made.links) == 1
    pair.source.offer("site", mirror.pack_site(made))
    touched = pair.replica.apply(pair.take())
    assert plain(pair.replica.site) == plain(made)
    picture, link = pair.replica.picture, made.links[0]
    assert touched == {"link:", f"link:{link.server_id}"}
    assert plain(picture.links) == plain({link.server_id: link})
    assert [(one, other, is_up) for (one, other), is_up in picture.trunks.items()] == made.trunks
    assert (picture.skills, picture.skill_labels, picture.flows) == (made.skills, made.skill_labels, made.flows)
    assert picture.is_simulated is made.is_simulated
    assert pair.replica.is_ready is made.is_ready


def test_every_field_of_a_picture_is_carried() -> None:
    """Whoever adds something to the picture says here how the other processes get it, or why they need not."""
    carried = {"interactions", "agents", "queues"} | {"skills", "skill_labels", "links", "trunks", "flows"}
    found_again = {"_by_leg", "_by_endpoint"}
    of_the_router_alone = {"_by_reservation", "_watchers"}
    assert set(vars(Picture())) == carried | {"is_simulated"} | found_again | of_the_router_alone


def test_every_count_is_carried() -> None:
    made = filled(Figures)
    pair = Pair()
    pair.source.offer("figures", msgspec.msgpack.encode(made))
    assert pair.replica.apply(pair.take()) == {"figures:"}
    (shown,) = pair.replica.figures.queues.values()
    (counts,) = made.queues.values()
    assert pair.replica.figures.day_began_at == made.day_began_at
    assert counts_of(shown, NOW) == counts
    assert set(Counts.__struct_fields__) == {
        *(one.name for one in dataclasses.fields(QueueFigures)),
        "recent_in_target",
    }


def counts_of(figures: QueueFigures, now: datetime) -> Counts:
    in_target, recent = figures.recent_counts(now)
    whole = (figures.offered, figures.answered, figures.abandoned, figures.short_abandoned, figures.in_target)
    return Counts(*whole, figures.flowed_out, recent, in_target)


def test_the_phones_secret_is_in_no_byte() -> None:
    live = agent()
    secret = live.record.device.secret.encode()
    assert len(secret) > 8
    pair = Pair()
    pair.picture.add_agent(live)
    pair.offer()
    packed = [pair.source.everything(), pair.take(), mirror.pack(pair.picture, "agent:a-ann") or b""]
    for one in packed:
        assert secret not in one
        assert b"a-ann" in one


# ------------------------------------------------------------------ the source


def told(message: bytes | None) -> Changes:
    assert message is not None
    return msgspec.msgpack.decode(message, type=Changes)


def test_only_differences_go_out() -> None:
    source = Source("e1")
    source.offer("queue:a", b"1")
    source.offer("queue:b", b"1")
    assert told(source.take()) == Changes("e1", 1, 0, {"queue:a": b"1", "queue:b": b"1"})
    source.offer("queue:a", b"1")
    assert source.take() is None
    source.offer("queue:b", b"2")
    assert told(source.take()) == Changes("e1", 2, 1, {"queue:b": b"2"})
    assert source.keys("queue") == {"queue:a", "queue:b"}


def test_what_is_gone_is_taken_back_once() -> None:
    source = Source("e1")
    source.offer("queue:a", None)
    assert source.take() is None
    source.offer("queue:a", b"1")
    source.take()
    source.offer("queue:a", None)
    assert source.keys("queue") == set()
    assert told(source.take()) == Changes("e1", 2, 1, {"queue:a": None})
    source.offer("queue:a", None)
    assert source.take() is None


def test_a_beat_says_the_last_number_and_nothing_else() -> None:
    source = Source("e1")
    source.offer("queue:a", b"1")
    source.take()
    assert told(source.beat()) == Changes("e1", 1, 1, {})
    assert source.take() is None


def test_everything_is_what_was_offered_and_not_taken_back() -> None:
    source = Source("e1")
    for key in ("queue:a", "queue:b"):
        source.offer(key, b"1")
    source.take()
    source.offer("queue:a", None)
    source.offer("queue:b", b"2")
    assert told(source.everything()) == Changes("e1", 1, 0, {"queue:b": b"2"})
    assert mirror.is_everything(source.everything())
    assert told(source.take()).slots == {"queue:a": None, "queue:b": b"2"}
    assert not mirror.is_everything(source.beat())


def test_every_key_that_is_touched_has_its_slot() -> None:
    assert {mirror.key_of(f"{kind}:x") for kind in ("work", "card")} == {"item:x"}
    assert (mirror.key_of("agent:x"), mirror.key_of("queue:x")) == ("agent:x", "queue:x")
    assert mirror.key_of("link:pbx-1") == mirror.key_of("link:") == "site"


def test_what_is_not_there_is_none() -> None:
    for key in ("agent:x", "item:x", "queue:x"):
        assert mirror.pack(Picture(), key) is None


# ------------------------------------------------------------------ the replica


def test_things_come_change_and_go() -> None:
    ann, call = agent(), item()
    pair = pair_with(ann, call, queue())
    pair.check_same()
    ann.presence, call.phase = "not-ready", Phase.TALKING
    pair.picture.queues[QUEUE] = queue(name="Renamed")
    assert pair.tell() == {"agent:a-ann", "work:i-1", "card:i-1", f"queue:{QUEUE}"}
    pair.check_same()
    pair.picture.remove_agent(ann)
    pair.picture.drop(call)
    del pair.picture.queues[QUEUE]
    assert pair.tell("agent:a-ann", "item:i-1", f"queue:{QUEUE}") == {
        *("agent:a-ann", "work:i-1", "card:i-1", f"queue:{QUEUE}")
    }
    pair.check_same()
    picture = pair.replica.picture
    assert picture.find_by_leg(call.server_id, call.leg_id) is None
    assert picture.find_by_endpoint(ann.device.server_id, ann.device.endpoint) is None


def test_links_that_are_gone_are_touched_too() -> None:
    pair = Pair()
    for links in ([Link(ServerId("a")), Link(ServerId("b"))], [Link(ServerId("b"), up=True)]):
        pair.source.offer("site", mirror.pack_site(site(*links)))
        touched = pair.replica.apply(pair.take())
    assert touched == {"link:", "link:a", "link:b"}
    assert pair.replica.picture.links == {ServerId("b"): Link(ServerId("b"), up=True)}


def test_a_missed_number_is_noticed_and_everything_mends_it() -> None:
    pair = pair_with(agent("ann"))
    pair.picture.add_agent(agent("bob"))
    pair.offer()
    pair.take()  # lost
    pair.picture.add_agent(agent("cat"))
    pair.offer()
    after = pair.take()
    for message in (after, pair.source.beat()):
        with pytest.raises(Gap):
            pair.replica.apply(message)
        assert pair.replica.picture.agents.keys() == {"a-ann"}, "nothing is changed"
    pair.replica.apply(pair.source.everything())
    pair.check_same()
    assert pair.replica.apply(pair.source.beat()) == set()


def test_everything_drops_what_is_gone() -> None:
    pair = pair_with(agent("ann"), agent("bob"), item(), queue())
    pair.picture.remove_agent(pair.picture.agents[AgentId("a-bob")])
    pair.picture.drop(pair.picture.interactions[InteractionId("i-1")])
    pair.picture.queues.clear()
    for key in ("agent:a-bob", "item:i-1", f"queue:{QUEUE}"):
        pair.offer(key)
    pair.take()
    touched = pair.replica.apply(pair.source.everything())
    assert touched is not None
    assert touched >= {"agent:a-bob", "work:i-1", f"queue:{QUEUE}"}
    pair.check_same()


def test_everything_again_changes_nothing() -> None:
    pair = pair_with(agent(), item(), queue())
    for _ in range(2):
        assert pair.replica.apply(pair.source.everything()) is not None
        pair.check_same()
    pair.picture.add_agent(agent("bob"))
    pair.tell()
    pair.check_same()


def test_a_change_that_everything_held_already_is_no_gap() -> None:
    """The two go over channels of their own, so either may be the first."""
    pair = pair_with(agent("ann"))
    changes = []
    for name in ("bob", "cat"):
        pair.picture.add_agent(agent(name))
        pair.offer()
        changes.append(pair.take())
    pair.replica.apply(pair.source.everything())
    assert [pair.replica.apply(one) for one in changes] == [None, None]
    pair.check_same()


def test_everything_of_before_is_of_the_past() -> None:
    pair = pair_with(agent("ann"))
    before = pair.source.everything()
    pair.picture.add_agent(agent("bob"))
    pair.tell()
    assert pair.replica.apply(before) is None
    pair.check_same()


def test_what_was_offered_with_everything_comes_again_after_it() -> None:
    pair = pair_with(agent("ann"))
    pair.picture.add_agent(agent("bob"))
    pair.offer()
    pair.replica.apply(pair.source.everything())
    pair.check_same()
    pair.replica.apply(pair.take())
    pair.check_same()


@pytest.mark.parametrize("what", ["take", "beat", "everything"])
def test_a_sender_that_was_replaced_is_not_believed(what: str) -> None:
    pair, old = pair_with(agent("ann")), Source("e0")
    old.offer("agent:a-old", mirror.pack(pair.picture, "agent:a-ann"))
    if what != "take":
        old.take()
    assert pair.replica.apply(getattr(old, what)()) is None
    pair.check_same()
    assert pair.replica.epoch == "e1"


def test_a_younger_sender_is_believed_with_everything_only() -> None:
    pair = pair_with(agent("ann"), agent("bob"))
    pair.source = Source("e2")
    pair.picture.remove_agent(pair.picture.agents[AgentId("a-bob")])
    pair.offer()
    pair.take()
    pair.picture.agents[AgentId("a-ann")].presence = "offline"
    pair.offer()
    for message in (pair.take(), pair.source.beat()):
        with pytest.raises(Gap):
            pair.replica.apply(message)
        assert (pair.replica.epoch, pair.replica.picture.agents.keys()) == ("e1", {"a-ann", "a-bob"})
    pair.replica.apply(pair.source.everything())
    assert (pair.replica.epoch, pair.replica.seq) == ("e2", 2)
    pair.check_same()


# ------------------------------------------------------------------ what is no such message

GOOD = mirror.pack(pair_with(agent("bob")).picture, "agent:a-bob")
BAD_SLOTS = {
    "no agent": {"agent:a-x": b"\x80"},
    "no message pack": {"agent:a-x": b""},
    "cut off": {"agent:a-x": GOOD and GOOD[:-3]},
    "no utf-8": {"queue:x": b"\x81\xa8queue_id\xa1\xff"},
    "no such kind": {"hologram:x": b"\x80"},
    "no kind at all": {"": b"\x80"},
    "a kind to come, gone": {"hologram:x": None},
    "a site with more": {"site": msgspec.msgpack.encode({**msgspec.to_builtins(filled(Site)), "more": 1})},
    "bottomless": {"item:x": b"\x81\xa4card" + b"\x91" * 100_000},
}


@pytest.mark.parametrize("bad", BAD_SLOTS)
@pytest.mark.parametrize("prev", [0, 1])
def test_one_bad_slot_and_nothing_is_taken(bad: str, prev: int) -> None:
    pair = pair_with(agent("ann"))
    slots = {"agent:a-ann": None, "agent:a-bob": GOOD, **BAD_SLOTS[bad]}
    with pytest.raises(msgspec.DecodeError):
        pair.replica.apply(msgspec.msgpack.encode(Changes("e1", 2, prev, slots)))
    pair.check_same()
    assert pair.replica.seq == 1
    pair.picture.add_agent(agent("cat"))
    pair.tell()
    pair.check_same()


MESSAGE = pair_with(agent("ann"), queue()).source.everything()


@given(st.binary(max_size=60) | st.builds(lambda at, new: MESSAGE[:at] + new + MESSAGE[at + len(new) :],
       st.integers(0, len(MESSAGE) - 1), st.binary(min_size=1, max_size=4)))  # fmt: skip
def test_garbage_raises_nothing_else(message: bytes) -> None:
    replica = Replica(Picture(), ShownFigures(NOW))
    try:
        replica.apply(message)
    except (msgspec.DecodeError, Gap):
        assert (replica.epoch, replica.seq, replica.picture.agents, replica.picture.queues) == ("", 0, {}, {})
    with contextlib.suppress(msgspec.DecodeError):
        mirror.is_everything(message)


# ------------------------------------------------------------------ figures


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.booleans(), st.integers(0, 3000), st.integers(0, 60)), max_size=30)
)
def test_the_other_process_shows_the_same_figures(ended: list[tuple[str, bool, int, int]]) -> None:
    """For each queue, and the totals over some of them, the day's and those of 15 minutes."""
    pair = Pair()
    queues = [QueueId(one) for one in "abcd"]
    for name, is_answered, ago, waited in ended:
        at = NOW + timedelta(seconds=3000 - ago)
        pair.figures.offered(QueueId(name), at - timedelta(seconds=waited))
        count = pair.figures.answered if is_answered else pair.figures.abandoned
        count(QueueId(name), waited, 20.0, at)
    now = NOW + timedelta(seconds=3000)
    pair.source.offer("figures", mirror.pack_figures(pair.figures, queues, now))
    pair.replica.apply(pair.take())
    for one in queues:
        assert_same_figures(pair.replica.figures.of(one), pair.figures.of(one), now)
    for chosen in (queues, queues[:2], []):
        names = dict.fromkeys(chosen)
        assert_same_figures(pair.replica.figures.totals(names), pair.figures.totals(names), now)


def assert_same_figures(shown: QueueFigures, figures: QueueFigures, now: datetime) -> None:
    assert counts_of(shown, now) == counts_of(figures, now)
    assert shown.service_level() == figures.service_level()
    assert shown.service_level_recent(now) == figures.service_level_recent(now)


def test_figures_of_a_queue_nobody_told_of_are_zero() -> None:
    shown = ShownFigures(NOW)
    assert counts_of(shown.of(QueueId("new")), NOW) == Counts(*[0] * 8)
    assert counts_of(shown.totals({QueueId("new"): None}), NOW) == Counts(*[0] * 8)

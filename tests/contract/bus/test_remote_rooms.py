"""Asked over the bus, every act does and says what it does and says where the router is.

The tests of an agent's acts are collected here again, with a ``floor`` whose service is another process's.
"""

import asyncio
import inspect
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
import structlog

from contactcenter.agents.model import PresenceState
from contactcenter.bootstrap import RouterPresence
from contactcenter.core.bus import Exchange, MemoryBus
from contactcenter.core.bus_questions import Answerer, Asker
from contactcenter.core.errors import Conflict, ContactCenterError, Forbidden, Invalid, NotFound, Unavailable
from contactcenter.core.ids import AgentId, SiteId
from contactcenter.core.permissions import ROLES, SYSTEM, Principal, Right
from contactcenter.core.tasks import TaskSupervisor
from contactcenter.interactions.live import Link
from contactcenter.interactions.service import InteractionService
from contactcenter.interactions.work import MAX_NOTE
from contactcenter.remote_rooms import RemoteInteractions, RemotePresence, answers, channel_of
from tests.contract.database.rooms.test_interactions import (  # noqa: F401
    test_a_note_is_saved_before_it_is_answered,
    test_a_note_too_long_is_refused_not_cut,
    test_a_person_out_of_reach_cannot_be_chosen,
    test_a_wrong_reason_leaves_everything_as_it_was,
    test_accept_and_reject,
    test_choose_a_person_and_a_person_who_is_none,
    test_choosing_a_person_needs_the_right_to_read_customers,
    test_extend_as_often_as_the_queue_allows,
    test_finish_after_the_timer_calls_nobody_back_from_lunch,
    test_finish_and_go_to_lunch,
    test_finish_and_take_the_next,
    test_finish_wrap_up,
    test_hang_up,
    test_no_wrap_up_while_talking,
    test_notes_racing_with_the_end_of_the_call_lose_nothing,
    test_reservation_over,
    test_the_outcome_may_still_be_named_after_the_timer,
    test_why_is_told_within_the_scope,
)
from tests.fakes.desk import Desk, open_desk
from tests.fakes.floor import Floor, alerting, floor_of, talking, wrapping_up
from tests.fakes.mirrored import turns
from tests.rig.rooms import open_rooms

ABSTRACT = sorted(InteractionService.__abstractmethods__)


class Elsewhere:
    """The router's process answers; ``service`` and ``presence`` are those of another one."""

    def __init__(self, desk: Any) -> None:
        exchange, channel = Exchange(), channel_of(SiteId("main"))
        self.own = desk.service
        self.buses = [MemoryBus(exchange), MemoryBus(exchange)]
        self.tasks = TaskSupervisor()
        self.router_presence = RouterPresence()
        self.router_presence.router = desk.room.router
        self.router_presence.assignments = desk.room.assignments
        self.handlers = dict(answers(self.router_presence, self.own, desk.rooms.database))
        self.answerer = Answerer(self.buses[0], channel, self.handlers, self.tasks)
        self.asker = Asker(self.buses[1], channel, "web-1")
        self.is_there = True
        self.presence = RemotePresence(self.asker, lambda: self.is_there)
        rooms = desk.rooms
        parts = (rooms.database, desk.room.time, desk.room.picture, rooms.agents, rooms.customers)
        self.service = RemoteInteractions(*parts, self.asker, lambda: self.is_there)

    async def open(self) -> None:
        self.answerer.start()
        for bus in self.buses:
            await bus.open()
        await turns()

    async def close(self) -> None:
        self.asker.close()
        await self.answerer.close()
        for bus in self.buses:
            await bus.close()
        assert self.tasks.failures == {}


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with open_rooms(tmp_path) as rooms, open_desk(rooms) as made:
        yield made


@pytest.fixture
async def away(desk: Any) -> AsyncIterator[Elsewhere]:
    made = Elsewhere(desk)
    await made.open()
    desk.service = made.service
    yield made
    await made.close()


@pytest.fixture
async def floor(desk: Any, away: Elsewhere) -> Floor:
    return await floor_of(desk)


# ------------------------------------------------------------------ every act

EXTRA: dict[str, tuple[Any, ...]] = {
    "save_note": ("Zoë 🦜",),
    "finish_wrap_up": ("solved", "bye", "ready", ""),
    "choose_person": ("nobody",),
    "transfer": ("no queue",),
}


def arguments_of(name: str, principal: Principal, interaction_id: str) -> tuple[Any, ...]:
    first = () if name == "refresh_card" else (principal,)
    return *first, interaction_id, *EXTRA.get(name, ())


async def outcome(act: Any, *arguments: Any) -> Any:
    """What it returns, or the class, code and fields of what it raises."""
    try:
        return await act(*arguments)
    except ContactCenterError as error:
        return type(error), error.code, error.fields


def test_every_abstract_act_is_answered_and_asked(away: Elsewhere) -> None:
    assert len(ABSTRACT) > 8
    assert set(away.handlers) == {*ABSTRACT, "set_presence"}
    assert set(ABSTRACT) <= set(vars(RemoteInteractions))


@pytest.mark.parametrize("name", ABSTRACT)
def test_the_arguments_are_those_of_the_act(name: str) -> None:
    def parameters(kind: type) -> list[Any]:
        found = inspect.signature(getattr(kind, name)).parameters.values()
        return [(one.name, one.annotation, one.default) for one in found]

    assert parameters(RemoteInteractions) == parameters(InteractionService)
    assert len(arguments_of(name, SYSTEM, "")) == len(parameters(InteractionService)) - 1


@pytest.mark.parametrize("name", ABSTRACT)
async def test_every_argument_and_the_whole_principal_arrive_and_the_answer_comes_back(
    away: Elsewhere, floor: Floor, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[Any] = []

    async def act(*arguments: Any) -> Any:
        taken.append(arguments)
        return {"at": floor.desk.time.now(), "none": None, "list": [1.5, "ü"]}

    monkeypatch.setattr(away.own, name, act)
    principal = replace(floor.ann, rights=ROLES["supervisor"], language="de", team_ids=frozenset(floor.teams.values()))
    arguments = arguments_of(name, principal, "i-1")
    answer = await getattr(away.service, name)(*arguments)
    assert taken == [arguments]
    assert [type(one) for one in taken[0]] == [type(one) for one in arguments]
    if name == "refresh_card":
        assert answer is None
    elif inspect.signature(getattr(InteractionService, name)).return_annotation is not None:
        assert answer == await act()


@pytest.mark.parametrize("prepare", [alerting, talking, wrapping_up])
async def test_the_same_comes_of_it_as_there(away: Elsewhere, floor: Floor, prepare: Any) -> None:
    """As somebody else, without rights, of no call, then for good: refused or not, in the same words."""
    item = prepare(floor)
    floor.desk.room.picture.links[item.server_id] = Link(item.server_id, up=True)
    nobody = replace(floor.ann, rights={Right.SIGNED_IN: ROLES["agent"][Right.SIGNED_IN]}, agent_id=None)
    given = [(floor.bob, item.interaction_id), (nobody, item.interaction_id), (floor.ann, "nothing")]
    for name in ABSTRACT:
        once = [] if (name, prepare) == ("finish_wrap_up", wrapping_up) else [(floor.ann, item.interaction_id)]
        for principal, one in (*given, *once):
            arguments = arguments_of(name, principal, one)
            there = await outcome(getattr(away.own, name), *arguments)
            here = await outcome(getattr(away.service, name), *arguments)
            assert as_sent(here) == as_sent(there), name
    acts = [act[0] for act in floor.desk.room.telephony.acts]
    done = [act for act in acts if act != "alert"]
    assert done == ACTED.get(prepare, []), "once there, once from here"


ACTED = {
    alerting: ["connect", "connect", "revoke", "revoke"],
    talking: ["hang-up", "hang-up", "hold"],  # a hold under way is not asked for again
}


def as_sent(answer: Any) -> Any:
    """Lists and tuples are one, as on every wire."""
    return msgspec.to_builtins(answer) if not isinstance(answer, tuple) else answer


async def test_fields_of_what_is_refused_come_back(floor: Floor) -> None:
    item = wrapping_up(floor)
    service, one = floor.service, item.interaction_id
    unfinished = {"disposition": "needed"}
    refused = [
        (Invalid, {"text": "too-long"}, service.save_note, (one, "x" * (MAX_NOTE + 1))),
        (Invalid, unfinished, service.finish_wrap_up, (one, "", None, "ready", "")),
        (Conflict, {}, service.hang_up, (one,)),
        (NotFound, {"interaction_id": "nothing"}, service.save_note, ("nothing", "x")),
    ]
    for kind, fields, act, more in refused:
        with pytest.raises(kind) as caught:
            await act(floor.ann, *more)
        assert caught.value.fields == fields


async def test_rights_are_checked_where_it_is_done(away: Elsewhere, floor: Floor) -> None:
    """Whatever the other process believed: nobody of it looks before it asks."""
    item = talking(floor)
    rights = {right: scope for right, scope in floor.ann.rights.items() if right is not Right.DESK}
    before = list(floor.desk.room.telephony.acts)
    with pytest.raises(Forbidden) as caught:
        await away.service.hang_up(replace(floor.ann, rights=rights), item.interaction_id)
    assert caught.value.fields == {"right": "desk:use"}
    assert floor.desk.room.telephony.acts == before


@pytest.mark.parametrize("data", [None, [], ["nobody", "i-1"], [{"user_id": "u"}, "i-1"], [{}, 1, 2, 3]])
async def test_a_question_in_disorder_is_nobodys_act(away: Elsewhere, floor: Floor, data: Any) -> None:
    talking(floor)
    before = list(floor.desk.room.telephony.acts)
    with structlog.testing.capture_logs() as logs, pytest.raises(ContactCenterError, match="internal"):
        await away.asker.ask("hang_up", data)
    assert floor.desk.room.telephony.acts == before
    assert [one["event"] for one in logs] == ["bus-question-failed"]


async def test_without_the_routers_process_it_says_so(away: Elsewhere, floor: Floor) -> None:
    item = alerting(floor)
    away.buses[1].cut_off()
    with pytest.raises(Unavailable, match="router-away"):
        await away.service.accept(floor.ann, item.interaction_id)
    with pytest.raises(Unavailable, match="router-away"):
        await away.presence.set_presence(floor.desk.agents[0].agent_id, PresenceState.READY, "", "u-1")
    away.buses[1].come_back()
    await turns()
    await away.service.accept(floor.ann, item.interaction_id)


# ------------------------------------------------------------------ order


async def test_acts_of_one_agent_are_carried_out_in_their_order_and_hold_up_nobody_else(
    away: Elsewhere, floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    gate = asyncio.Event()

    async def slow(principal: Principal, interaction_id: str, text: str) -> None:
        await gate.wait()
        done.append(f"{principal.login} {text}")

    async def quick(principal: Principal, interaction_id: str) -> None:
        done.append(f"{principal.login} hangs up")

    async def chosen(agent_id: AgentId, state: PresenceState, reason: str, actor: str) -> None:
        done.append(f"{actor} {state.value}")

    monkeypatch.setattr(away.own, "save_note", slow)
    monkeypatch.setattr(away.own, "hang_up", quick)
    monkeypatch.setattr(away.router_presence, "set_presence", chosen)
    assert floor.ann.agent_id
    acts = [
        away.service.save_note(floor.ann, "i-1", "first"),
        away.service.save_note(floor.ann, "i-1", "second"),
        away.service.hang_up(floor.ann, "i-1"),
        away.presence.set_presence(floor.ann.agent_id, PresenceState.OFFLINE, "", "ann"),
        away.service.hang_up(floor.bob, "i-2"),
    ]
    under_way = asyncio.gather(*acts)
    await turns(30)
    assert done == ["bob hangs up"]
    gate.set()
    await under_way
    assert done[1:] == ["ann first", "ann second", "ann hangs up", "ann offline"]


# ------------------------------------------------------------------ presence


@pytest.mark.parametrize(
    ("state", "reason"), [(PresenceState.NOT_READY, "lunch"), (PresenceState.OFFLINE, ""), (PresenceState.READY, "")]
)
async def test_a_chosen_presence_is_kept_when_it_is_answered(
    away: Elsewhere, floor: Floor, state: PresenceState, reason: str
) -> None:
    agent_id, database = floor.ann.agent_id, floor.desk.rooms.database
    assert agent_id
    flushed: list[str] = []
    flush = database.flush

    async def counted() -> None:
        flushed.append(floor.desk.room.picture.agents[agent_id].presence)
        await flush()

    database.flush = counted
    await away.presence.set_presence(agent_id, state, reason, "u-sofia")
    live = floor.desk.room.picture.agents[agent_id]
    assert (live.presence, live.reason) == (state.value, reason)
    assert flushed == [state.value], "first it holds, then it is kept, then it is answered"
    actors = [actor for event, actor in await floor.desk.rooms.events("agent-presence-changed")]
    assert actors == (["u-sofia"] if state is not PresenceState.READY else [])
    assert away.router_presence.assignments.agent_states.actor == ""


async def test_a_presence_that_cannot_be_kept_now_holds_all_the_same(away: Elsewhere, floor: Floor) -> None:
    async def refused() -> None:
        raise Unavailable("store-refuses")

    database = floor.desk.rooms.database
    flush, database.flush = database.flush, refused
    assert floor.ann.agent_id
    await away.presence.set_presence(floor.ann.agent_id, PresenceState.OFFLINE, "", "u-1")
    database.flush = flush
    assert floor.desk.room.picture.agents[floor.ann.agent_id].presence == "offline"


async def test_the_presence_of_an_agent_the_router_does_not_know(away: Elsewhere, floor: Floor) -> None:
    for presence in (away.router_presence, away.presence):
        with pytest.raises(Conflict, match="agent-unknown") as caught:
            await presence.set_presence(AgentId("a-nobody"), PresenceState.READY, "", "u-1")
        assert caught.value.fields == {"agent_id": "a-nobody"}

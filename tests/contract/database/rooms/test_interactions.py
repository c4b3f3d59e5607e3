"""Use cases: each checks whose interaction it is; reads stay within scope."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from contactcenter.agents.model import NotReadyReason
from contactcenter.core.errors import Conflict, Forbidden, Invalid, NotFound, Unavailable
from contactcenter.core.events import events_table
from contactcenter.core.ids import LegId, QueueId
from contactcenter.core.paging import Paging
from contactcenter.core.permissions import ROLES, SYSTEM, Principal, Right, Scope
from contactcenter.customers.store import people_table
from contactcenter.interactions import ports, store
from contactcenter.interactions.live import Link
from contactcenter.interactions.model import Interaction, Phase
from contactcenter.interactions.service import Filters, InteractionService
from contactcenter.interactions.work import MAX_NOTE, OwnWork
from contactcenter.tickets.service import TicketFilter
from routing import commands as routing
from routing.replay import Journal
from tests.fakes.floor import CALLER, Floor, alerting, floor_of, talking, wrapping_up
from tests.fakes.room import QUEUE, queue


@pytest.fixture
async def floor(desk: Any) -> Floor:
    return await floor_of(desk)


# ------------------------------------------------------------------ someone else's interaction

ACTS: dict[str, Callable[[Any, Principal, str], Any]] = {
    "accept": lambda s, p, i: s.accept(p, i),
    "reject": lambda s, p, i: s.reject(p, i),
    "hang_up": lambda s, p, i: s.hang_up(p, i),
    "hold": lambda s, p, i: s.hold(p, i),
    "retrieve": lambda s, p, i: s.retrieve(p, i),
    "transfer": lambda s, p, i: s.transfer(p, i, QUEUE),
    "extend_wrap_up": lambda s, p, i: s.extend_wrap_up(p, i),
    "save_note": lambda s, p, i: s.save_note(p, i, "mine now"),
    "finish_wrap_up": lambda s, p, i: s.finish_wrap_up(p, i, "solved", None, "ready", ""),
    "choose_person": lambda s, p, i: s.choose_person(p, i, "p-1"),
    "held": lambda s, p, i: s.held(p, i),
    "check_reach": lambda s, p, i: s.check_reach(p, i),
    "get": lambda s, p, i: s.get(p, i),
    "why": lambda s, p, i: s.why(p, i),
    "why_agents": lambda s, p, i: s.why_agents(p, i),
}


async def call(act: Callable[[Any, Principal, str], Any], *arguments: Any) -> Any:
    result = act(*arguments)
    return await result if isinstance(result, Awaitable) else result


def test_every_act_is_here(floor: Floor) -> None:
    """A use case added later must say here whose it is; ``search`` narrows by itself, the rest the program does."""
    kinds = (InteractionService, OwnWork)
    public = {name for kind in kinds for name in vars(kind) if not name.startswith("_")}
    programs = {"refresh_card", "refresh_cards_of", "find_traces", "erase_traces", "check_there", "now"}
    supervisors = {"list_callbacks", "withdraw_callback"}  # test_callbacks
    assert public - {"search"} - programs - supervisors == set(ACTS)


@pytest.mark.parametrize("name", ACTS)
@pytest.mark.parametrize("prepare", [alerting, talking, wrapping_up])
async def test_another_agents_interaction_is_not_found(floor: Floor, name: str, prepare: Any) -> None:
    item = prepare(floor)
    await floor.desk.rooms.database.flush()
    before = (item.phase, len(floor.desk.room.telephony.acts), await floor.desk.rows(store.segments))
    with pytest.raises(NotFound):
        await call(ACTS[name], floor.service, floor.eve, item.interaction_id)
    assert (item.phase, len(floor.desk.room.telephony.acts), await floor.desk.rows(store.segments)) == before


@pytest.mark.parametrize("name", ACTS)
async def test_an_id_that_is_none(floor: Floor, name: str) -> None:
    for foreign in ("nothing", "", "' OR 1=1 --", "../../etc"):
        with pytest.raises(NotFound):
            await call(ACTS[name], floor.service, floor.ann, foreign)


@pytest.mark.parametrize("name", ACTS)
async def test_without_the_right_nothing_is_done(floor: Floor, name: str) -> None:
    item = talking(floor)
    nobody = replace(floor.ann, rights={Right.SIGNED_IN: ROLES["agent"][Right.SIGNED_IN]}, agent_id=None)
    with pytest.raises(Forbidden):
        await call(ACTS[name], floor.service, nobody, item.interaction_id)


# ------------------------------------------------------------------ acts on one's own


async def test_accept_and_reject(floor: Floor) -> None:
    item = alerting(floor)
    assert item.alert is not None
    reservation = item.alert.reservation_id
    await floor.service.accept(floor.ann, item.interaction_id)
    assert floor.desk.room.telephony.acts[-1] == ("connect", reservation)
    await floor.service.reject(floor.ann, item.interaction_id)
    assert floor.desk.room.telephony.acts[-1] == ("revoke", reservation)
    floor.desk.room.alert_ends(reservation, ports.AlertFailure.REVOKED)
    ann = floor.desk.room.picture.agents[floor.ann.agent_id]
    assert (ann.presence, ann.reason) == ("not-ready", "rejected")
    assert item.alert is not None
    assert item.alert.agent_id == floor.bob.agent_id
    with pytest.raises(NotFound):
        await floor.service.accept(floor.ann, item.interaction_id)


async def test_reservation_over(floor: Floor) -> None:
    item = talking(floor)
    for act in (floor.service.accept, floor.service.reject):
        with pytest.raises(Conflict, match="reservation-over"):
            await act(floor.ann, item.interaction_id)


async def test_hang_up(floor: Floor) -> None:
    item = alerting(floor)
    with pytest.raises(Conflict, match="not-talking"):
        await floor.service.hang_up(floor.ann, item.interaction_id)
    leg = floor.desk.room.connect(item)
    await floor.service.hang_up(floor.ann, item.interaction_id)
    assert floor.desk.room.telephony.acts[-1] == ("hang-up", leg)
    floor.desk.room.part(item, leg, first=CALLER)
    assert item.segment is not None
    assert item.segment.ended_by == "agent", "he did it, whichever leg went first"
    with pytest.raises(Conflict, match="not-talking"):
        await floor.service.hang_up(floor.ann, item.interaction_id)


async def test_hold_and_retrieve(floor: Floor) -> None:
    item = alerting(floor)
    service, acts = floor.service, floor.desk.room.telephony.acts
    for act in (service.hold, service.retrieve):
        with pytest.raises(Conflict, match="not-talking"):
            await act(floor.ann, item.interaction_id)
    leg = floor.desk.room.connect(item)
    with pytest.raises(Unavailable, match="pbx-unavailable"):
        await service.hold(floor.ann, item.interaction_id)
    floor.desk.room.picture.links[item.server_id] = Link(item.server_id, up=True)
    with pytest.raises(Conflict, match="not-held"):
        await service.retrieve(floor.ann, item.interaction_id)
    await service.hold(floor.ann, item.interaction_id)
    assert acts[-1] == ("hold", CALLER, leg)
    floor.desk.room.fact(ports.LegsHeld(item.server_id, item.leg_id, LegId(leg), floor.desk.time.now()))
    with pytest.raises(Conflict, match="already-held"):
        await service.hold(floor.ann, item.interaction_id)
    await service.retrieve(floor.ann, item.interaction_id)
    assert acts[-1][:2] == ("retrieve", leg)
    with pytest.raises(Conflict, match="conflict"):
        await service.transfer(floor.ann, item.interaction_id, QUEUE)  # he is just being brought back
    await service.hang_up(floor.ann, item.interaction_id)
    assert acts[-1] == ("hang-up", leg), "also before he is back"


async def test_transfer(floor: Floor) -> None:
    """Each agent has his own part of it; what the first noted stays in his."""
    room, service = floor.desk.room, floor.service
    item = alerting(floor)
    with pytest.raises(Conflict, match="not-talking"):
        await service.transfer(floor.ann, item.interaction_id, QUEUE)
    leg = room.connect(item)
    with pytest.raises(NotFound, match="queue-unknown"):
        await service.transfer(floor.ann, item.interaction_id, "nothing")
    with pytest.raises(Unavailable, match="pbx-unavailable"):
        await service.transfer(floor.ann, item.interaction_id, QUEUE)
    room.picture.links[item.server_id] = Link(item.server_id, up=True)
    await service.transfer(floor.ann, item.interaction_id, QUEUE)
    room.leg_ends(leg)
    assert item.alert is not None
    for act in (service.hang_up, service.hold, service.retrieve):
        with pytest.raises(Conflict):
            await act(floor.ann, item.interaction_id)
    with pytest.raises(Conflict, match="not-talking"):
        await service.transfer(floor.ann, item.interaction_id, QUEUE)
    second = room.connect(item)
    await service.save_note(floor.ann, item.interaction_id, "wants May")
    await service.finish_wrap_up(floor.ann, item.interaction_id, "solved", None, "ready", "")
    with pytest.raises(Conflict, match="still-talking"):
        await service.finish_wrap_up(floor.bob, item.interaction_id, "solved", None, "ready", "")
    await service.hold(floor.bob, item.interaction_id)
    assert room.telephony.acts[-1] == ("hold", CALLER, second)
    first, last = await floor.desk.rows(store.segments)
    assert (first["note"], first["disposition"], first["transferred_to"]) == ("wants May", "solved", QUEUE)
    assert (last["note"], last["agent_id"], last["transferred_to"]) == ("", floor.bob.agent_id, None)
    with pytest.raises(NotFound):
        service.held(floor.ann, item.interaction_id)


async def test_extend_as_often_as_the_queue_allows(floor: Floor) -> None:
    floor.desk.room.define(queue(wrap_up_time=30, wrap_up_extension=60, wrap_up_limit=150))
    item = talking(floor)
    with pytest.raises(Conflict, match="wrap-up-over"):
        await floor.service.extend_wrap_up(floor.ann, item.interaction_id)
    assert item.segment is not None
    floor.desk.room.part(item, item.segment.segment_id, first=CALLER)
    for _ in range(2):
        await floor.service.extend_wrap_up(floor.ann, item.interaction_id)
    with pytest.raises(Conflict, match="no-extension-left"):
        await floor.service.extend_wrap_up(floor.ann, item.interaction_id)
    assert item.segment.ended_at is not None
    assert item.segment.wrap_up_until is not None
    assert (item.segment.wrap_up_until - item.segment.ended_at).total_seconds() == 150
    row = await floor.desk.one(store.segments)
    assert (row["extensions"], row["wrap_up_until"]) == (2, item.segment.wrap_up_until)


async def test_a_note_is_saved_before_it_is_answered(floor: Floor) -> None:
    item = talking(floor)
    saved_at = await floor.service.save_note(floor.ann, item.interaction_id, "router <b>replaced</b>")
    row = (await floor.desk.rooms.database.read(lambda c: c.execute(store.segments.select()).all()))[0]
    assert (row.note, row.note_saved_at) == ("router <b>replaced</b>", saved_at)
    assert item.segment is not None
    assert item.segment.note == "router <b>replaced</b>"
    events = [one for one in await floor.desk.rows(events_table) if one["kind"] == "note-saved"]
    assert [one["actor"] for one in events] == [floor.ann.user_id]
    assert "router" not in events[0]["data"]


async def test_notes_racing_with_the_end_of_the_call_lose_nothing(floor: Floor) -> None:
    item = talking(floor)
    assert item.segment is not None
    saving = asyncio.gather(
        *(floor.service.save_note(floor.ann, item.interaction_id, f"version {number}") for number in range(5))
    )
    await asyncio.sleep(0)
    floor.desk.room.part(item, item.segment.segment_id, first=CALLER)
    floor.desk.room.leg_ends(CALLER)
    await saving
    row = await floor.desk.one(store.segments)
    assert row["note"].startswith("version")
    assert row["ended_by"] == "customer"


@pytest.mark.parametrize("act", ["save_note", "finish_wrap_up"])
async def test_a_note_too_long_is_refused_not_cut(floor: Floor, act: str) -> None:
    item = wrapping_up(floor)
    text = "x" * (MAX_NOTE + 1)
    finish = ("solved", text, "ready", "")
    with pytest.raises(Invalid):
        await getattr(floor.service, act)(floor.ann, item.interaction_id, *((text,) if act == "save_note" else finish))
    assert (await floor.desk.one(store.segments))["note"] == ""


async def test_finish_wrap_up(floor: Floor) -> None:
    item = wrapping_up(floor)
    finish = floor.service.finish_wrap_up
    with pytest.raises(Invalid, match="disposition-needed"):
        await finish(floor.ann, item.interaction_id, "", None, "ready", "")
    with pytest.raises(Invalid) as caught:
        await finish(floor.ann, item.interaction_id, "no-such", None, "ready", "")
    assert caught.value.fields == {"disposition": "unknown-disposition"}
    await finish(floor.ann, item.interaction_id, "solved", "all good", "ready", "")
    assert floor.desk.room.picture.interactions == {}
    row = await floor.desk.one(store.segments)
    assert (row["disposition"], row["note"]) == ("solved", "all good")
    assert row["wrap_up_ended_at"] is not None
    kinds = [one["kind"] for one in await floor.desk.rows(events_table)]
    assert kinds.count("disposition-set") == 1
    assert kinds.count("wrap-up-ended") == 1


async def test_finish_and_go_to_lunch(floor: Floor) -> None:
    await floor.desk.rooms.agents.save_reason(SYSTEM, NotReadyReason("lunch", "Lunch", 1))
    item = wrapping_up(floor)
    await floor.service.finish_wrap_up(floor.ann, item.interaction_id, "solved", None, "not-ready", "lunch")
    agent_id, state, reason, _ = floor.desk.rooms.presence.orders[-1]
    assert (agent_id, state, reason) == (floor.ann.agent_id, "not-ready", "lunch")


async def test_finish_and_take_the_next(floor: Floor) -> None:
    """Whoever was made not ready meanwhile, or chose it for later, asks for calls with this button."""
    item = wrapping_up(floor)
    ann = floor.ann.agent_id
    floor.desk.room.router.submit(routing.SetPresence(ann, routing.Presence.NOT_READY, "no-answer"))
    await floor.service.finish_wrap_up(floor.ann, item.interaction_id, "solved", None, "ready", "")
    assert floor.desk.rooms.presence.orders[-1][:2] == (ann, "ready")


async def test_finish_after_the_timer_calls_nobody_back_from_lunch(floor: Floor) -> None:
    item = wrapping_up(floor)
    floor.desk.time.advance(31)
    floor.desk.room.router.submit(routing.SetPresence(floor.ann.agent_id, routing.Presence.NOT_READY, "lunch"))
    await floor.service.finish_wrap_up(floor.ann, item.interaction_id, "callback", None, "ready", "")
    assert floor.desk.rooms.presence.orders == []


@pytest.mark.parametrize("reason", ["", "no-such"])
async def test_a_wrong_reason_leaves_everything_as_it_was(floor: Floor, reason: str) -> None:
    item = wrapping_up(floor)
    with pytest.raises(Invalid):
        await floor.service.finish_wrap_up(floor.ann, item.interaction_id, "solved", "bye", "not-ready", reason)
    row = await floor.desk.one(store.segments)
    assert (row["disposition"], row["note"], row["wrap_up_ended_at"]) == ("", "", None)
    assert floor.desk.rooms.presence.orders == []


async def test_the_outcome_may_still_be_named_after_the_timer(floor: Floor) -> None:
    item = wrapping_up(floor)
    floor.desk.time.advance(31)
    assert floor.desk.room.picture.interactions == {}
    await floor.service.finish_wrap_up(floor.ann, item.interaction_id, "callback", None, "ready", "")
    assert (await floor.desk.one(store.segments))["disposition"] == "callback"


async def test_no_wrap_up_while_talking(floor: Floor) -> None:
    item = talking(floor)
    with pytest.raises(Conflict, match="still-talking"):
        await floor.service.finish_wrap_up(floor.ann, item.interaction_id, "solved", None, "ready", "")


# ------------------------------------------------------------------ the customer


async def test_choose_a_person_and_a_person_who_is_none(floor: Floor) -> None:
    person = await floor.desk.rooms.customers.create_person(SYSTEM, {"name": "Ada", "numbers": ["030 901820"]})
    other = await floor.desk.rooms.customers.create_person(SYSTEM, {"name": "Charles", "is_vip": True})
    item = talking(floor)
    await floor.desk.callers.refresh(item)
    assert (item.person_id, item.card["because"]) == (person.person_id, "number-matches")
    with pytest.raises(NotFound):
        await floor.service.choose_person(floor.ann, item.interaction_id, "nobody")
    assert item.person_id == person.person_id
    assert item.card["person"]["name"] == "Ada", "a wrong choice takes nothing away"
    await floor.service.choose_person(floor.ann, item.interaction_id, other.person_id)
    assert (item.person_id, item.vip, item.card["because"]) == (other.person_id, True, "chosen")
    row = await floor.desk.one(store.interactions)
    assert row["person_id"] == other.person_id
    await floor.service.refresh_card(item.interaction_id)
    assert item.person_id == other.person_id
    await floor.service.refresh_card("gone")


async def test_choosing_a_person_needs_the_right_to_read_customers(floor: Floor) -> None:
    person = await floor.desk.rooms.customers.create_person(SYSTEM, {"name": "Ada"})
    item = talking(floor)
    rights = {right: scope for right, scope in floor.ann.rights.items() if right is not Right.CUSTOMERS_READ}
    with pytest.raises(Forbidden):
        await floor.service.choose_person(replace(floor.ann, rights=rights), item.interaction_id, person.person_id)
    assert item.person_id is None


async def test_a_person_out_of_reach_cannot_be_chosen(floor: Floor) -> None:
    person = await floor.desk.rooms.customers.create_person(SYSTEM, {"name": "Ada"})
    await floor.desk.rooms.database.write(
        lambda tx: tx.execute(people_table.update().values(team_id=floor.teams["south"]))
    )
    item = talking(floor)
    near = replace(floor.ann, rights={**floor.ann.rights, Right.CUSTOMERS_READ: Scope.TEAM})
    with pytest.raises(NotFound):
        await floor.service.choose_person(near, item.interaction_id, person.person_id)
    assert item.person_id is None


async def test_a_person_changed_elsewhere_changes_the_open_cards(floor: Floor) -> None:
    customers = floor.desk.rooms.customers
    person = await customers.create_person(SYSTEM, {"name": "Ada", "numbers": ["030 901820"]})
    item = talking(floor)
    await floor.desk.callers.refresh(item)
    await customers.update_person(SYSTEM, person.person_id, {"name": "Ada King"})
    await floor.service.refresh_cards_of(person.person_id)
    assert item.card["person"]["name"] == "Ada King"


async def test_reach_of_an_interaction(floor: Floor) -> None:
    """In hand it counts at once, also for who may not read past ones so far; later, what may be read."""
    item = alerting(floor)
    await floor.service.check_reach(floor.ann, item.interaction_id)
    await floor.service.check_reach(SYSTEM, item.interaction_id)
    for principal, one in ((floor.bob, item.interaction_id), (SYSTEM, "nothing")):
        with pytest.raises(NotFound):
            await floor.service.check_reach(principal, one)


async def test_a_ticket_names_an_interaction_in_reach_or_none(floor: Floor) -> None:
    item = talking(floor)
    tickets = floor.desk.rooms.tickets
    made = await tickets.open_ticket(floor.ann, "VPN drops", interaction_id=item.interaction_id)
    assert made.interaction_id == item.interaction_id
    for principal, one in ((floor.eve, item.interaction_id), (floor.ann, "nothing")):
        with pytest.raises(NotFound):
            await tickets.open_ticket(principal, "VPN drops", interaction_id=one)
    assert (await tickets.list_tickets(SYSTEM, Paging(), TicketFilter())).items == [made]


# ------------------------------------------------------------------ reading


async def ids(floor: Floor, principal: Principal, **filters: Any) -> set[str]:
    page = await floor.service.search(principal, Paging(), Filters(**filters))
    return {one.row.id for one in page.items}


async def three(floor: Floor) -> dict[str, Interaction]:
    """One handled by ann (north), one by eve (south), one abandoned."""
    room = floor.desk.room
    made = {}
    for name, leg in (("ann", "1780000000.1"), ("bob", "1780000000.2"), ("eve", "1780000000.3")):
        made[name] = talking(floor, leg)
    made["lost"] = room.call("1780000000.4")
    room.leg_ends("1780000000.4")
    await floor.desk.rooms.database.flush()
    return made


async def test_scopes_of_reading(floor: Floor) -> None:
    made = await three(floor)
    by = {name: item.interaction_id for name, item in made.items()}
    assert await ids(floor, floor.ann) == {by["ann"]}
    assert await ids(floor, floor.eve) == {by["eve"]}
    assert await ids(floor, floor.supervisor("north")) == {by["ann"], by["bob"], by["lost"]}
    assert await ids(floor, floor.supervisor("south")) == {by["eve"], by["lost"]}
    assert await ids(floor, SYSTEM) == set(by.values())
    no_agent = replace(floor.ann, agent_id=None)
    assert await ids(floor, no_agent) == set()
    nobody = replace(floor.supervisor("north"), team_ids=frozenset())
    assert await ids(floor, nobody) == {by["lost"]}
    with pytest.raises(NotFound):
        await floor.service.get(floor.supervisor("south"), by["ann"])
    detail = await floor.service.get(floor.supervisor("north"), by["ann"])
    assert [len(part) for part in (detail.visits, detail.segments, detail.legs)] == [1, 1, 2]


async def test_filters_narrow_within_the_scope(floor: Floor) -> None:
    made = await three(floor)
    by = {name: item.interaction_id for name, item in made.items()}
    assert await ids(floor, SYSTEM, agent_id=floor.eve.agent_id) == {by["eve"]}
    assert await ids(floor, floor.ann, agent_id=floor.eve.agent_id) == set()
    assert await ids(floor, SYSTEM, outcome="abandoned") == {by["lost"]}
    assert await ids(floor, SYSTEM, queue_id="q-support") == set(by.values())
    assert await ids(floor, SYSTEM, queue_id="' OR 1=1 --") == set()
    assert await ids(floor, SYSTEM, person_id="nobody") == set()


async def test_pages_go_on_without_gap_or_double(floor: Floor) -> None:
    for number in range(7):
        floor.desk.room.call(f"1780000001.{number}")
        floor.desk.time.advance(0.01)
    await floor.desk.rooms.database.flush()
    seen: list[str] = []
    cursor = None
    while True:
        page = await floor.service.search(SYSTEM, Paging(3, cursor), Filters())
        seen += [one.row.id for one in page.items]
        cursor = page.next
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == 7
    assert seen == sorted(seen, reverse=True)
    with pytest.raises(Invalid):
        await floor.service.search(SYSTEM, Paging(3, "nonsense"), Filters())


async def test_why_is_told_within_the_scope(floor: Floor) -> None:
    made = await three(floor)
    waiting = floor.desk.room.call("1780000000.5", skills={"s-none": 1})
    assert waiting.phase is Phase.WAITING
    for one in ("north", "south"):
        told = await floor.service.why(floor.supervisor(one), waiting.interaction_id)
        assert told["now"]["place"] == 1
        assert told["decisions"] == []
    talked = made["ann"].interaction_id
    told = await floor.service.why(floor.supervisor("north"), talked)
    assert [one["agent_id"] for one in told["decisions"]] == [floor.ann.agent_id]
    assert (await floor.service.why(floor.ann, talked))["decisions"]
    for other in (floor.supervisor("south"), floor.eve):
        with pytest.raises(NotFound):
            await floor.service.why(other, talked)
    with pytest.raises(NotFound):
        await floor.service.why(floor.ann, waiting.interaction_id)


async def test_a_decision_is_made_again_for_who_may_ask_why(floor: Floor) -> None:
    made = await three(floor)
    talked = made["ann"].interaction_id
    told = await floor.service.why_agents(floor.supervisor("north"), talked)
    assert told["agent_id"] == floor.ann.agent_id
    others = {one["agent_id"]: one["reason"] for one in told["agents"]}
    kept = (await floor.service.why(floor.supervisor("north"), talked))["decisions"][-1]["why"]
    assert sorted(others.values()) == sorted(one["reason"] for one in kept["passed"] for _ in range(one["count"]))
    with pytest.raises(NotFound):
        await floor.service.why_agents(floor.supervisor("south"), talked)
    waiting = floor.desk.room.call("1780000000.5", skills={"s-none": 1})
    told = await floor.service.why_agents(floor.supervisor("north"), waiting.interaction_id)
    assert (told["agent_id"], told["at"]) == (None, floor.desk.time.now())
    assert {one["agent_id"] for one in told["agents"]} == set(floor.desk.room.picture.agents)
    assert {(one["reason"], one["need"]) for one in told["agents"]} == {("skill", 1)}
    with pytest.raises(NotFound):
        await floor.service.why_agents(floor.ann, waiting.interaction_id)
    floor.desk.room.leg_ends("1780000000.5")
    with pytest.raises(NotFound) as refused:
        await floor.service.why_agents(floor.supervisor("north"), waiting.interaction_id)
    assert refused.value.code == "never-given"
    floor.desk.room.router.journal = Journal()  # as after a restart
    assert (await floor.service.why_agents(floor.supervisor("north"), talked))["agents"] is None


async def test_a_queue_that_is_no_more_asks_for_no_disposition(floor: Floor) -> None:
    item = wrapping_up(floor)
    del floor.desk.room.picture.queues[QueueId("q-support")]
    await floor.service.finish_wrap_up(floor.ann, item.interaction_id, "", None, "ready", "")
    with pytest.raises(Invalid):
        await floor.service.finish_wrap_up(floor.ann, item.interaction_id, "solved", None, "ready", "")

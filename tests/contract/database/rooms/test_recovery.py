"""After a restart of ours, or a gap on the link: what goes on, what has ended, who is where."""

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from contactcenter.agents.model import DeviceMode
from contactcenter.core.events import events_table
from contactcenter.core.ids import AgentId, LegId, QueueId, ServerId, VisitId
from contactcenter.interactions import ports, store
from contactcenter.interactions.model import EndedBy, Interaction, Outcome, Phase, VisitEnd
from contactcenter.interactions.ports import CallerPlace
from contactcenter.interactions.recovery import A_TURN
from routing import commands as routing
from tests.fakes.desk import agent_leg, customer
from tests.fakes.room import QUEUE, SERVER, record

CALLER = "1780000000.1"
STRAY = "01ksr492z8gbhfea5mz914gqht"
NAILED = replace(record("ann", 1).device, mode=DeviceMode.NAILED)


async def again(desk: Any, item: Interaction) -> Interaction:
    """The same interaction after a restart, from its rows alone."""
    await desk.restart()
    found = desk.room.picture.find_by_leg(SERVER, item.leg_id)
    assert found is not None
    assert found is not item
    assert found.interaction_id == item.interaction_id
    return found


def talking(desk: Any) -> tuple[Interaction, str]:
    desk.take(record("ann", 1))
    item = desk.room.call()
    return item, desk.room.connect(item)


# ------------------------------------------------------------------ waiting


async def test_waiting_in_hold_keeps_its_place(desk: Any) -> None:
    first = desk.room.call()
    desk.time.advance(5)
    second = desk.room.call("1780000000.2", priority=2, skills={"de": 1})
    entered = first.visit.entered_at
    desk.time.advance(5)
    found = await again(desk, first)
    other = desk.room.picture.find_by_leg(SERVER, second.leg_id)
    assert desk.room.engine.items == {}, "the PBX's picture comes first"
    desk.resync(customer(found, CallerPlace.HOLD), customer(other, CallerPlace.HOLD))
    assert (found.phase, found.visit.entered_at) == (Phase.WAITING, entered)
    item = desk.room.engine.items[found.interaction_id]
    assert item.entered_at == entered.timestamp()
    held = desk.room.engine.items[other.interaction_id]
    assert (held.priority, held.requirement.skills) == (2, (("de", 1),))
    assert desk.room.telephony.acts == [], "nobody is moved"
    assert desk.recovery.adopted == 2
    desk.take(record("ann", 1))
    assert found.phase is Phase.ALERTING
    desk.room.check_clean()


@pytest.mark.parametrize("place", [CallerPlace.FALLBACK, CallerPlace.FLOW, CallerPlace.OTHER])
async def test_waiting_elsewhere_is_taken_back_to_hold(desk: Any, place: CallerPlace) -> None:
    item = desk.room.call()
    found = await again(desk, item)
    desk.resync(customer(found, place))
    assert desk.room.telephony.acts == [("to-hold", CALLER)]
    assert found.interaction_id in desk.room.engine.items


async def test_vip_and_choices_are_not_forgotten(desk: Any) -> None:
    item = desk.room.call(choices=("Technical",))
    desk.room.assignments.customer_found(item, {}, None, 0, True, is_news=False)
    desk.room.assignments.settle(item)
    found = await again(desk, item)
    desk.resync(customer(found, CallerPlace.HOLD))
    assert (found.vip, found.choices) == (True, ("Technical",))
    assert desk.room.engine.items[found.interaction_id].vip


async def test_devices_come_last_so_that_only_those_still_there_are_served(desk: Any) -> None:
    desk.take(record("ann", 1))
    desk.room.router.submit(routing.SetPresence(AgentId("a-ann"), routing.Presence.NOT_READY, "lunch"))
    gone, there = desk.room.call(), desk.room.call("1780000000.2")
    desk.room.router.submit(routing.SetPresence(AgentId("a-ann"), routing.Presence.READY))
    desk.room.alert_ends(gone.alert.reservation_id, ports.AlertFailure.CALLER_GONE)
    desk.room.fact(ports.LinkChanged(SERVER, False, "link-lost", desk.time.now()))
    desk.room.telephony.acts.clear()
    (ringing,) = [one for one in (gone, there) if one.phase is Phase.ALERTING]
    desk.room.alert_ends(ringing.alert.reservation_id, ports.AlertFailure.REVOKED)
    desk.room.telephony.acts.clear()
    desk.resync(customer(there, CallerPlace.HOLD))
    assert [act[0] for act in desk.room.telephony.acts] == ["alert"]
    assert desk.room.telephony.alerts[-1].caller_leg == there.leg_id
    assert gone.outcome is Outcome.LOST


# ------------------------------------------------------------------ alerting


async def test_an_alert_of_a_dead_process_rings_on_and_is_hung_up(desk: Any) -> None:
    desk.take(record("ann", 1))
    item = desk.room.call()
    leg = item.alert.reservation_id
    found = await again(desk, item)
    assert (found.phase, found.alert) == (Phase.WAITING, None)
    desk.resync(customer(found, CallerPlace.HOLD), agent_leg(leg, "agent-1001", up=False))
    assert desk.room.telephony.acts[0] == ("hang-up", leg)
    assert found.phase is Phase.ALERTING, "and the line goes on"
    assert found.alert.reservation_id != leg


async def test_only_our_own_strays_are_hung_up(desk: Any) -> None:
    """Others use this PBX too: a phone that dials, a call between agents, a trunk that rings."""
    legs = [
        agent_leg("1780000000.50", "agent-1001", up=False),
        agent_leg("pbx-1-1780000000.51", "agent-1002", up=False),
        agent_leg("1780000000.52", "carrier", up=False),
        agent_leg(STRAY, "agent-1003", up=False),
        agent_leg(STRAY.replace("0", "1"), "agent-1004", up=True),
    ]
    desk.resync(*legs)
    assert desk.room.telephony.acts == [("hang-up", STRAY)]


@pytest.mark.parametrize("is_up", [False, True])
async def test_a_phone_that_rings_for_another_servers_alert_that_is_none_is_let_go(desk: Any, is_up: bool) -> None:
    """One that is answered may be a conversation its own server has yet to tell of."""
    came = replace(agent_leg("pbx-1-1780000000.60", "to-pbx-2", up=is_up), serves=STRAY)
    desk.resync(came)
    assert desk.room.telephony.acts == ([] if is_up else [("hang-up", "pbx-1-1780000000.60")])


async def test_answered_while_we_were_away(desk: Any) -> None:
    desk.take(record("ann", 1))
    item = desk.room.call()
    leg = item.alert.reservation_id
    found = await again(desk, item)
    desk.resync(customer(found, CallerPlace.BRIDGED, leg), agent_leg(leg, "agent-1001", peer=CALLER))
    assert found.phase is Phase.TALKING
    assert (found.segment.segment_id, found.segment.agent_id) == (leg, "a-ann")
    assert found.visit.end is VisitEnd.ANSWERED
    assert desk.room.work_of("ann") == "handling"
    desk.room.part(found, leg, first=CALLER)
    desk.room.leg_ends(CALLER)
    assert desk.room.work_of("ann") == "wrap-up"
    await desk.check_rows(found)
    desk.room.check_clean()


@pytest.mark.parametrize(
    ("bridged", "begins"), [(3.5, 3.5), (-60.0, 0.0), (None, 20.0)], ids=["told", "older", "untold"]
)
async def test_a_conversation_found_began_when_the_pbx_recorded_it(
    desk: Any, bridged: float | None, begins: float
) -> None:
    desk.take(record("ann", 1))
    item = desk.room.call()
    leg, entered = item.alert.reservation_id, item.visit.entered_at
    found = await again(desk, item)
    desk.time.advance(20)
    at = None if bridged is None else entered + timedelta(seconds=bridged)
    agent = replace(agent_leg(leg, "agent-1001", peer=CALLER), bridged_at=at)
    desk.resync(customer(found, CallerPlace.BRIDGED, leg), agent)
    assert (found.segment.answered_at - entered).total_seconds() == begins
    assert found.visit.ended_at == found.segment.answered_at
    await desk.check_rows(found)


async def test_taken_by_the_native_queue_while_nobody_steered(desk: Any) -> None:
    desk.take(record("ann", 1))
    desk.room.picture.agents[AgentId("a-ann")].presence = "not-ready"
    desk.room.router.submit(routing.SetPresence(AgentId("a-ann"), routing.Presence.NOT_READY, "lunch"))
    item = desk.room.call()
    found = await again(desk, item)
    native = "1780000000.88"
    desk.resync(customer(found, CallerPlace.BRIDGED, native), agent_leg(native, "agent-1001", peer=CALLER))
    assert (found.phase, found.segment.agent_id) == (Phase.TALKING, "a-ann")
    assert desk.room.work_of("ann") == "handling"


# ------------------------------------------------------------------ talking


async def test_a_conversation_goes_on(desk: Any) -> None:
    item, leg = talking(desk)
    desk.time.advance(40)
    found = await again(desk, item)
    assert found.phase is Phase.TALKING
    desk.resync(customer(found, CallerPlace.BRIDGED, leg), agent_leg(leg, "agent-1001", peer=CALLER))
    assert desk.room.work_of("ann") == "handling"
    assert found.segment.answered_at == item.segment.answered_at
    assert desk.room.telephony.acts == []
    desk.time.advance(20)
    desk.room.part(found, leg, first=CALLER)
    desk.room.leg_ends(CALLER)
    desk.room.leg_ends(leg)
    assert found.segment.ended_by is EndedBy.CUSTOMER
    await desk.check_rows(found)
    row = await desk.one(store.segments)
    assert row["talk_time"] == 60.0
    desk.time.advance(60)
    assert desk.room.picture.interactions == {}
    desk.room.check_clean()


async def test_a_conversation_that_ended_is_closed_by_the_pbxs_records(desk: Any) -> None:
    item, _ = talking(desk)
    ended_at = desk.time.now() + timedelta(seconds=30)
    desk.time.advance(100)
    found = await again(desk, item)
    desk.resync(ended=[ports.EndedLeg(LegId(CALLER), 16, ended_at)])
    assert (found.phase, found.outcome, found.ended_at) == (Phase.ENDED, Outcome.ANSWERED, ended_at)
    assert found.segment.ended_at == ended_at
    assert desk.room.work_of("ann") == "wrap-up"
    await desk.check_rows(found)
    assert desk.recovery.closed == 1


async def test_a_conversation_that_ended_without_a_record(desk: Any) -> None:
    item, _ = talking(desk)
    desk.time.advance(100)
    found = await again(desk, item)
    desk.resync()
    assert (found.outcome, found.end_reason, found.ended_at) == (Outcome.ANSWERED, "end-unknown", desk.time.now())
    assert found.segment.ended_by is EndedBy.SYSTEM


async def test_the_agents_leg_died_meanwhile(desk: Any) -> None:
    item, _ = talking(desk)
    found = await again(desk, item)
    desk.resync(customer(found, CallerPlace.HOLD))
    assert found.phase is Phase.LEAVING
    assert found.segment.ended_by is EndedBy.AGENT
    assert ("hang-up", CALLER) in desk.room.telephony.acts, "as what_next would have told him"
    assert desk.room.work_of("ann") == "wrap-up"


# ------------------------------------------------------------------ on hold


def holding(desk: Any, **more: Any) -> tuple[Interaction, str]:
    """Ten seconds of talk, then on hold."""
    desk.take(record("ann", 1, **more))
    item = desk.room.call()
    leg = desk.room.connect(item)
    desk.time.advance(10)
    desk.room.hold(item, leg)
    return item, leg


@pytest.mark.parametrize("place", [CallerPlace.HOLD, CallerPlace.FALLBACK])
async def test_who_is_on_hold_stays_on_hold_and_can_be_retrieved(desk: Any, place: CallerPlace) -> None:
    item, leg = holding(desk)
    desk.time.advance(5)
    found = await again(desk, item)
    desk.resync(customer(found, place), agent_leg(leg, "agent-1001"))
    assert (found.phase, found.segment.held_since) == (Phase.HELD, item.segment.held_since)
    assert desk.room.work_of("ann") == "handling"
    back = [("to-hold", CALLER)] if place is CallerPlace.FALLBACK else []
    assert desk.room.telephony.acts == back, "the PBX's own queue is no place for him"
    desk.time.advance(5)
    desk.room.retrieve(found, leg)
    assert (found.phase, found.segment.hold_time) == (Phase.TALKING, 10.0)
    desk.room.part(found, leg, first=CALLER)
    desk.room.leg_ends(CALLER)
    desk.room.leg_ends(leg)
    await desk.check_rows(found)
    assert (await desk.one(store.segments))["talk_time"] == 10.0
    desk.room.check_clean()


async def test_put_on_hold_and_killed_before_it_was_written(desk: Any) -> None:
    item, leg = talking(desk)
    found = await again(desk, item)
    desk.resync(customer(found, CallerPlace.HOLD), agent_leg(leg, "agent-1001"))
    assert (found.phase, found.segment.held_since) == (Phase.HELD, desk.time.now())
    assert desk.room.telephony.acts == []
    await desk.check_rows(found)


async def test_put_on_hold_and_killed_where_the_records_tell_since_when(desk: Any) -> None:
    item, leg = talking(desk)
    desk.time.advance(10)
    parted_at = desk.time.now()
    desk.time.advance(6)
    found = await again(desk, item)
    desk.resync(customer(found, CallerPlace.HOLD), replace(agent_leg(leg, "agent-1001"), parted_at=parted_at))
    assert (found.phase, found.segment.held_since) == (Phase.HELD, parted_at)


@pytest.mark.parametrize("first", ["customer", "agent"])
async def test_put_on_hold_and_killed_and_both_are_gone(desk: Any, first: str) -> None:
    item, leg = talking(desk)
    desk.time.advance(10)
    parted_at, left_at = desk.time.now(), desk.time.now() + timedelta(seconds=6)
    desk.time.advance(60)
    found = await again(desk, item)
    ends = {"customer": left_at, "agent": left_at} | ({"customer": left_at + timedelta(30)} if first == "agent" else {})
    of_agent = ports.EndedLeg(LegId(leg), 16, ends["agent"], "agent-1001", parted_at=parted_at)
    desk.resync(ended=[ports.EndedLeg(LegId(CALLER), 16, ends["customer"]), of_agent])
    assert (found.segment.talk_time, found.segment.hold_time, found.segment.ended_at) == (10.0, 6.0, left_at)
    assert found.segment.ended_by == first
    await desk.check_rows(found)


async def test_who_parted_because_he_hung_up_held_nobody(desk: Any) -> None:
    item, leg = talking(desk)
    left_at = desk.time.now() + timedelta(seconds=6)
    desk.time.advance(60)
    found = await again(desk, item)
    over = ports.EndedLeg(LegId(leg), 16, left_at, "agent-1001", parted_at=left_at - timedelta(milliseconds=20))
    desk.resync(customer(found, CallerPlace.HOLD), ended=[over])
    assert (found.segment.talk_time, found.segment.holds) == (6.0, 0)


async def test_retrieved_and_killed_before_it_was_written(desk: Any) -> None:
    item, leg = holding(desk)
    desk.time.advance(5)
    found = await again(desk, item)
    back_at = desk.time.now() - timedelta(seconds=2)
    bridged = replace(agent_leg(leg, "agent-1001", peer=CALLER), bridged_at=back_at)
    desk.resync(customer(found, CallerPlace.BRIDGED, leg), bridged)
    assert (found.phase, found.segment.hold_time, found.segment.held_since) == (Phase.TALKING, 3.0, None)


@pytest.mark.parametrize("who", ["customer", "agent"])
async def test_either_of_a_hold_left_meanwhile(desk: Any, who: str) -> None:
    item, leg = holding(desk)
    left_at = desk.time.now() + timedelta(seconds=4)
    desk.time.advance(20)
    found = await again(desk, item)
    if who == "customer":
        desk.resync(agent_leg(leg, "agent-1001"), ended=[ports.EndedLeg(LegId(CALLER), 16, left_at)])
        assert ("hang-up", leg) in desk.room.telephony.acts, "his agent hears nobody"
        assert (found.segment.ended_by, found.outcome) == (EndedBy.CUSTOMER, Outcome.ANSWERED)
    else:
        desk.resync(customer(found, CallerPlace.HOLD), ended=[ports.EndedLeg(LegId(leg), 16, left_at, "agent-1001")])
        assert ("hang-up", CALLER) in desk.room.telephony.acts, "nobody takes him off hold any more"
        assert (found.segment.ended_by, found.phase) == (EndedBy.AGENT, Phase.LEAVING)
    assert (found.segment.ended_at, found.segment.hold_time) == (left_at, 4.0)
    assert desk.room.work_of("ann") == "wrap-up"
    await desk.check_rows(found)


async def test_a_nailed_leg_is_on_hold_only_where_the_row_says_so(desk: Any) -> None:
    item, _ = holding(desk, device=NAILED)
    found = await again(desk, item)
    desk.resync(customer(found, CallerPlace.HOLD), agent_leg(STRAY, "agent-1001"))
    assert found.phase is Phase.HELD
    assert desk.room.telephony.acts == [("serve", STRAY, found.segment.segment_id)]


async def test_a_nailed_leg_that_is_parked_after_a_talk_holds_nobody(desk: Any) -> None:
    desk.take(record("ann", 1, device=NAILED))
    item = desk.room.call()
    desk.room.connect(item)
    found = await again(desk, item)
    desk.resync(customer(found, CallerPlace.HOLD), agent_leg(STRAY, "agent-1001"))
    assert found.phase is Phase.LEAVING
    assert desk.room.telephony.acts == [("hang-up", CALLER)]


async def test_an_agents_leg_whose_customer_left_his_hold_is_hung_up(desk: Any) -> None:
    """The last process died between the customer's end and the agent's."""
    desk.take(record("ann", 1))
    desk.resync(agent_leg(STRAY, "agent-1001"))
    assert desk.room.telephony.acts == [("hang-up", STRAY)]


async def test_a_gap_while_on_hold_changes_nothing(desk: Any) -> None:
    item, leg = holding(desk)
    desk.room.telephony.acts.clear()
    desk.room.fact(ports.LinkChanged(SERVER, False, "lost", desk.time.now()))
    desk.time.advance(3)
    desk.resync(customer(item, CallerPlace.HOLD), agent_leg(leg, "agent-1001"))
    assert (item.phase, desk.room.telephony.acts) == (Phase.HELD, [])
    desk.room.retrieve(item, leg)
    assert item.segment is not None
    assert item.segment.hold_time == 3.0


@pytest.mark.parametrize("prepare", ["flow", "waiting", "alerting", "talking"])
@pytest.mark.parametrize("ours_too", [False, True])
async def test_the_pbx_restarted(desk: Any, prepare: str, ours_too: bool) -> None:
    """Every call from before is over, with the reason; nobody is left on a screen, agents are ready again."""
    if prepare in ("alerting", "talking"):
        desk.take(record("ann", 1))
    item = desk.room.arrive()
    if prepare != "flow":
        desk.room.enqueue(item)
    if prepare == "talking":
        desk.room.connect(item)
    found = await again(desk, item) if ours_too else item
    alert = found.alert
    if not ours_too:
        desk.room.fact(ports.LinkChanged(SERVER, False, "link-lost", desk.time.now()))
        if alert is not None:
            desk.room.alert_ends(
                alert.reservation_id, ports.AlertFailure.REVOKED
            )  # as telephony's reconciliation tells
    desk.resync(restarted=True)
    assert (found.phase, found.end_reason) == (Phase.ENDED, "pbx-restarted")
    assert found.outcome is (Outcome.ANSWERED if prepare == "talking" else Outcome.LOST)
    desk.time.advance(60)
    assert desk.room.picture.interactions == {}
    assert desk.room.engine.items == {}
    if prepare in ("alerting", "talking"):
        agent = desk.room.picture.agents[AgentId("a-ann")]
        assert (agent.presence, agent.device_usable, desk.room.work_of("ann")) == ("ready", True, "idle")
    await desk.check_rows(found)


# ------------------------------------------------------------------ leaving, wrap-up


async def test_a_running_wrap_up_runs_on(desk: Any) -> None:
    item, leg = talking(desk)
    desk.room.part(item, leg, first=CALLER)
    desk.room.leg_ends(CALLER)
    until = item.segment.wrap_up_until
    desk.time.advance(10)
    found = await again(desk, item)
    assert desk.room.work_of("ann") == "wrap-up"
    assert found.segment.wrap_up_until == until
    told = [row["kind"] for row in await desk.rows(events_table)]
    assert "wrap-up-extended" not in told, "a restart is no extension"
    desk.time.advance(19)
    assert found.segment.is_open
    desk.time.advance(2)
    assert not found.segment.is_open
    assert desk.room.picture.interactions == {}
    await desk.check_rows(found)


async def test_a_wrap_up_that_ran_out_meanwhile_ends_at_once(desk: Any) -> None:
    item, leg = talking(desk)
    desk.room.part(item, leg, first=CALLER)
    desk.room.leg_ends(CALLER)
    await desk.rooms.database.flush()
    desk.room.router.close()
    desk.time.advance(300)
    await desk.restart()
    desk.time.advance(0.1)
    assert desk.room.picture.interactions == {}
    assert desk.room.work_of("ann") == "idle"
    assert (await desk.one(store.interactions))["is_over"]


async def test_the_agent_left_first_and_the_customer_is_still_there(desk: Any) -> None:
    item, leg = talking(desk)
    desk.room.part(item, leg, first=leg)
    found = await again(desk, item)
    assert found.phase is Phase.LEAVING
    assert desk.room.work_of("ann") == "wrap-up", "his wrap-up goes on whether the customer hung up or not"
    desk.resync(customer(found, CallerPlace.HOLD))
    assert ("hang-up", CALLER) in desk.room.telephony.acts
    desk.room.leg_ends(CALLER)
    desk.time.advance(60)
    assert desk.room.picture.interactions == {}
    desk.room.check_clean()


async def test_the_wrap_up_of_an_agent_who_is_no_more(desk: Any) -> None:
    item, leg = talking(desk)
    desk.room.part(item, leg, first=CALLER)
    desk.room.leg_ends(CALLER)
    desk.agents.clear()
    await desk.restart()
    assert desk.room.picture.interactions == {}
    assert (await desk.one(store.interactions))["is_over"]


async def test_the_customer_left_during_an_alert_whose_end_we_did_not_live_to_see(desk: Any) -> None:
    desk.take(record("ann", 1))
    item = desk.room.call()
    desk.room.leg_ends(CALLER)
    assert item.alert is not None
    await desk.restart()
    assert desk.room.picture.interactions == {}
    assert (await desk.one(store.interactions))["is_over"], "or it would be taken up for ever"
    assert await desk.restart() == []


# ------------------------------------------------------------------ flow


@pytest.mark.parametrize(
    "place, moved", [(CallerPlace.FLOW, False), (CallerPlace.HOLD, True), (CallerPlace.FALLBACK, True)]
)
async def test_a_call_in_its_flow(desk: Any, place: CallerPlace, moved: bool) -> None:
    item = desk.room.arrive()
    found = await again(desk, item)
    desk.resync(customer(found, place))
    assert desk.room.telephony.acts == ([("to-flow", CALLER)] if moved else [])
    assert found.phase is Phase.FLOW


async def test_a_customer_nobody_knew_becomes_an_interaction(desk: Any) -> None:
    ghost = desk.room.arrive("1780000000.7", number="+49301", name="Eve")
    desk.room.picture.drop(ghost)
    await desk.rooms.database.write(lambda tx: tx.execute(store.interactions.delete()))
    desk.resync(customer(ghost, CallerPlace.FALLBACK), customer(ghost, CallerPlace.FALLBACK))
    found = desk.room.picture.find_by_leg(SERVER, ghost.leg_id)
    assert found is not None
    assert (found.caller_number, found.caller_name, found.dialed) == ("+49301", "Eve", "1000")
    assert found.arrived_at == ghost.arrived_at
    assert ("to-flow", "1780000000.7") in desk.room.telephony.acts
    desk.time.advance(5)
    later = desk.room.call("1780000000.8")
    desk.room.enqueue(found)
    assert found.visit.entered_at == ghost.arrived_at < later.visit.entered_at
    desk.take(record("ann", 1))
    assert (found.phase, later.phase) == (Phase.ALERTING, Phase.WAITING)


# ------------------------------------------------------------------ put into a line by a process that died of it


async def lost_tail(desk: Any, *, skills: dict[str, int] | None = None) -> tuple[Interaction, ports.PlaceInLine]:
    """A call whose visit was never written: the interaction after a restart, and what its channel says."""
    item = desk.room.arrive()
    found = await again(desk, item)
    return found, ports.PlaceInLine(VisitId("01lostvisit"), QUEUE, 2, skills or {})


@pytest.mark.parametrize("place, moved", [(CallerPlace.HOLD, []), (CallerPlace.FALLBACK, [("to-hold", CALLER)])])
async def test_a_caller_whose_visit_was_lost_waits_on_at_his_place(
    desk: Any, place: CallerPlace, moved: list[object]
) -> None:
    found, line = await lost_tail(desk, skills={"de": 1})
    entered = desk.time.now() + timedelta(seconds=1)
    desk.time.advance(10)
    desk.resync(customer(found, place, in_line=line, in_line_at=entered))
    assert (found.phase, found.visit.visit_id, found.visit.entered_at) == (Phase.WAITING, "01lostvisit", entered)
    assert desk.room.telephony.acts == moved
    held = desk.room.engine.items[found.interaction_id]
    assert (held.priority, held.requirement.skills, held.entered_at) == (2, (("de", 1),), entered.timestamp())
    assert "interaction-queued" in [row["kind"] for row in await desk.rows(events_table)]
    await desk.check_rows(found)
    desk.resync(customer(found, place, in_line=line, in_line_at=entered))
    assert found.visit.entered_at == entered
    desk.room.check_clean()


async def test_an_agent_who_answered_a_call_whose_visit_was_lost_has_it_as_his(desk: Any) -> None:
    desk.take(record("ann", 1))
    found, line = await lost_tail(desk)
    entered = desk.time.now()
    caller = customer(found, CallerPlace.BRIDGED, STRAY, in_line=line, in_line_at=entered)
    bridged_at = entered + timedelta(seconds=3)
    desk.time.advance(10)
    desk.resync(caller, replace(agent_leg(STRAY, "agent-1001", peer=CALLER), bridged_at=bridged_at))
    assert (found.phase, found.segment.agent_id, found.segment.segment_id) == (Phase.TALKING, "a-ann", STRAY)
    assert (found.visit.end, found.visit.ended_at) == (VisitEnd.ANSWERED, bridged_at)
    assert desk.room.work_of("ann") == "handling"
    await desk.check_rows(found)


async def test_an_agent_who_answered_and_left_before_we_came_back_has_his_part(desk: Any) -> None:
    desk.take(record("ann", 1))
    found, line = await lost_tail(desk)
    entered = desk.time.now()
    desk.time.advance(20)
    met = ports.EndedLeg(
        LegId(STRAY),
        16,
        entered + timedelta(seconds=9),
        "agent-1001",
        found.leg_id,
        bridged_at=entered + timedelta(seconds=4),
    )
    desk.resync(customer(found, CallerPlace.HOLD, in_line=line, in_line_at=entered), ended=[met])
    assert (found.phase, found.segment.agent_id) == (Phase.LEAVING, "a-ann")
    assert (found.segment.ended_at - found.segment.answered_at).total_seconds() == 5
    await desk.check_rows(found)


async def test_a_caller_who_left_a_line_whose_visit_was_lost_has_abandoned_it(desk: Any) -> None:
    found, line = await lost_tail(desk)
    entered = desk.time.now()
    desk.time.advance(20)
    left = ports.EndedLeg(found.leg_id, 16, entered + timedelta(seconds=9), place=CallerPlace.HOLD)
    desk.resync(ended=[replace(left, in_line=line, in_line_at=entered)])
    assert (found.phase, found.outcome) == (Phase.ENDED, Outcome.ABANDONED)
    assert (found.visit.visit_id, found.visit.end) == ("01lostvisit", VisitEnd.ABANDONED)
    assert found.visit.ended_at - found.visit.entered_at == timedelta(seconds=9)
    desk.room.check_clean()


async def test_a_caller_who_came_back_from_a_line_and_left_his_flow_has_abandoned_none(desk: Any) -> None:
    found, line = await lost_tail(desk)
    left = ports.EndedLeg(found.leg_id, 16, desk.time.now(), place=CallerPlace.FLOW)
    desk.resync(ended=[replace(left, in_line=line, in_line_at=desk.time.now())])
    assert (found.outcome, found.visit) == (Outcome.LEFT_IN_FLOW, None)


@pytest.mark.parametrize("why", ["in-flow-again", "queue-is-no-more", "instant-unknown"])
async def test_a_line_the_caller_no_longer_stands_in_is_none(desk: Any, why: str) -> None:
    found, line = await lost_tail(desk)
    place = CallerPlace.FLOW if why == "in-flow-again" else CallerPlace.HOLD
    if why == "queue-is-no-more":
        line = replace(line, queue_id=QueueId("gone"))
    at = None if why == "instant-unknown" else desk.time.now()
    desk.resync(customer(found, place, in_line=line, in_line_at=at))
    assert (found.phase, found.visit) == (Phase.FLOW, None)


async def test_a_queue_he_left_for_another_flow_is_not_entered_again(desk: Any) -> None:
    """His channel still names the visit whose row we have."""
    item = desk.room.call()
    line = ports.PlaceInLine(item.visit.visit_id, QUEUE)
    found = await again(desk, item)
    found.phase = Phase.FLOW
    desk.resync(customer(found, CallerPlace.HOLD, in_line=line, in_line_at=desk.time.now()))
    assert found.phase is Phase.FLOW


# ------------------------------------------------------------------ who calls while the picture is being taken


@pytest.mark.parametrize("ago, is_restarted", [(0.0, False), (0.2, False), (0.0, True), (0.2, True)])
async def test_a_call_younger_than_the_picture_is_not_over(desk: Any, ago: float, is_restarted: bool) -> None:
    """His FastAGI request came before the list did, which cannot tell of him."""
    lost_at = desk.time.now()
    desk.time.advance(1)
    item = desk.room.arrive()
    desk.resync(restarted=is_restarted, asked_at=item.arrived_at + timedelta(seconds=ago), lost_at=lost_at)
    assert item.phase is Phase.FLOW
    desk.room.arrive()
    assert [row["id"] for row in await desk.rows(store.interactions)] == [item.interaction_id], "and is no second call"


async def test_nor_is_a_young_call_that_hears_already_that_nobody_serves_its_number(desk: Any) -> None:
    item = desk.room.arrive()
    item.phase = Phase.LEAVING
    desk.resync(asked_at=item.arrived_at)
    assert item.phase is Phase.LEAVING


@pytest.mark.parametrize("ago, is_restarted", [(0.3, False), (0.1, True)])
async def test_a_call_older_than_the_picture_is_over(desk: Any, ago: float, is_restarted: bool) -> None:
    item = desk.room.arrive()
    desk.time.advance(0.01)
    desk.resync(restarted=is_restarted, asked_at=item.arrived_at + timedelta(seconds=ago), lost_at=desk.time.now())
    assert item.outcome is Outcome.LOST


async def test_a_call_of_a_pbx_whose_clock_is_ahead_is_over(desk: Any) -> None:
    """Else nobody would end it until our clock is there as well."""
    item = desk.room.arrive()
    item.arrived_at = desk.time.now() + timedelta(seconds=90)
    desk.resync(asked_at=desk.time.now())
    assert item.outcome is Outcome.LOST


async def test_a_talk_is_never_too_young_to_be_over(desk: Any) -> None:
    item, _ = talking(desk)
    desk.resync(asked_at=item.arrived_at)
    assert item.phase is Phase.ENDED


async def test_a_young_call_whose_end_is_recorded_is_over(desk: Any) -> None:
    item = desk.room.arrive()
    left = ports.EndedLeg(item.leg_id, 16, desk.time.now(), place=CallerPlace.FLOW)
    desk.resync(ended=[left], asked_at=item.arrived_at)
    assert item.outcome is Outcome.LEFT_IN_FLOW


# ------------------------------------------------------------------ calls that came and went while nobody was there


def past_call(desk: Any, leg: str = "1780000000.50", **more: Any) -> ports.EndedLeg:
    """A customer's leg that is over, as the PBX's records tell it: 20 seconds long."""
    at = desk.time.now() - timedelta(seconds=100)
    arrival = ports.CallArrived(SERVER, LegId(leg), leg, "+4930901820", "", "1000", at)
    given: dict[str, Any] = {"arrival": arrival, "place": CallerPlace.FALLBACK, **more}
    return ports.EndedLeg(LegId(leg), 16, at + timedelta(seconds=20), "carrier", **given)


async def written(desk: Any) -> list[dict[str, Any]]:
    await asyncio.gather(*desk.tasks.under_way)
    rows: list[dict[str, Any]] = await desk.rows(store.interactions)
    return rows


@pytest.mark.parametrize(
    "place, outcome, reason",
    [
        (CallerPlace.FALLBACK, "lost", "server-away"),
        (CallerPlace.FLOW, "left-in-flow", ""),
        (CallerPlace.OTHER, "left-in-flow", ""),
    ],
)
async def test_a_call_nobody_saw_is_an_interaction(desk: Any, place: CallerPlace, outcome: str, reason: str) -> None:
    leg = past_call(desk, place=place)
    desk.resync(ended=[leg])
    (row,) = await written(desk)
    assert (row["leg_id"], row["arrived_at"], row["ended_at"]) == (leg.leg_id, leg.arrival.at, leg.at)
    assert (row["outcome"], row["end_reason"], row["is_over"]) == (outcome, reason, True)
    assert (desk.recovery.missed, desk.room.picture.interactions) == (1, {})
    desk.resync(ended=[leg])
    await desk.restart()
    desk.resync(ended=[leg])
    assert len(await written(desk)) == 1, "once, however often it is told"


async def test_a_call_of_which_only_the_end_was_heard_is_an_interaction(desk: Any) -> None:
    leg = past_call(desk, place=CallerPlace.FLOW)
    desk.room.fact(ports.LegEnded(SERVER, leg.leg_id, 16, leg.at))
    desk.resync(ended=[leg])
    (row,) = await written(desk)
    assert (row["leg_id"], row["outcome"]) == (leg.leg_id, "left-in-flow")


async def test_a_call_we_saw_is_not_written_again(desk: Any) -> None:
    item = desk.room.call()
    desk.room.leg_ends(CALLER)
    await desk.restart()
    desk.resync(ended=[replace(past_call(desk), leg_id=item.leg_id)])
    assert [row["id"] for row in await written(desk)] == [item.interaction_id]
    assert desk.recovery.missed == 0


async def test_a_call_the_pbx_took_with_it_before_anybody_heard_of_it(desk: Any) -> None:
    leg = replace(past_call(desk), at=desk.time.now())
    desk.resync(restarted=True, cut_off=[leg])
    (row,) = await written(desk)
    assert (row["outcome"], row["end_reason"], row["ended_at"]) == ("lost", "pbx-restarted", leg.at)
    desk.resync(restarted=True, cut_off=[leg])
    assert len(await written(desk)) == 1


@pytest.mark.parametrize("is_known", [True, False])
async def test_who_waited_when_the_pbx_ended_leaves_a_router_that_never_had_him(desk: Any, is_known: bool) -> None:
    """As after the orderly end of a simulated PBX, which goes with its server: that is no fault to be told."""
    if is_known:
        leg = past_call(desk, desk.room.call().leg_id)
        await desk.restart()
    else:
        leg = past_call(desk)
        leg = replace(leg, in_line=ports.PlaceInLine(VisitId("01lostvisit"), QUEUE), in_line_at=leg.at)
    desk.resync(ended=[leg])
    assert [row["is_over"] for row in await written(desk)] == [True]
    desk.room.check_clean()


async def test_a_call_nobody_saw_waited_in_a_queue(desk: Any) -> None:
    leg = past_call(desk)
    line = ports.PlaceInLine(VisitId("01lostvisit"), QUEUE, 2)
    desk.resync(ended=[replace(leg, in_line=line, in_line_at=leg.at - timedelta(seconds=15))])
    (row,) = await written(desk)
    assert (row["outcome"], row["end_reason"]) == ("abandoned", "")
    visit = await desk.one(store.visits)
    assert (visit["id"], visit["end"], visit["wait_time"]) == ("01lostvisit", "abandoned", 15.0)
    assert desk.room.engine.items == {}


def answered_past_call(desk: Any, since_end: float) -> tuple[ports.EndedLeg, ports.EndedLeg]:
    """A customer's leg and that of agent 1001 who talked 10 seconds to him, both over for ``since_end`` seconds."""
    ended_at = desk.time.now() - timedelta(seconds=since_end)
    leg = past_call(desk)
    assert leg.arrival is not None
    leg = replace(leg, arrival=replace(leg.arrival, at=ended_at - timedelta(seconds=20)), at=ended_at)
    line = ports.PlaceInLine(VisitId("01lostvisit"), QUEUE)
    leg = replace(leg, in_line=line, in_line_at=leg.at - timedelta(seconds=15), place=CallerPlace.HOLD)
    return leg, ports.EndedLeg(LegId(STRAY), 16, leg.at, "agent-1001", leg.leg_id, ended_at - timedelta(seconds=10))


async def test_a_call_nobody_saw_was_answered(desk: Any) -> None:
    desk.take(record("ann", 1))
    leg, his = answered_past_call(desk, 5)
    desk.resync(ended=[leg, his])
    (row,) = await written(desk)
    assert (row["outcome"], row["ended_at"]) == ("answered", leg.at)
    segment = await desk.one(store.segments)
    assert (segment["agent_id"], segment["answered_at"], segment["talk_time"]) == ("a-ann", his.bridged_at, 10.0)
    assert (segment["ended_by"], segment["wrap_up_until"]) == ("customer", leg.at + timedelta(seconds=30))
    assert desk.room.work_of("ann") == "wrap-up", "what is left of it"
    (connected,) = [row for row in await desk.rows(events_table) if row["kind"] == "agent-connected"]
    assert json.loads(connected["data"])["answered_at"].startswith(his.bridged_at.strftime("%Y-%m-%dT%H:%M:%S"))
    desk.time.advance(25)
    assert desk.room.work_of("ann") == "idle"
    assert desk.room.picture.interactions == {}
    desk.room.check_clean()


async def test_a_talk_that_ended_long_ago_has_no_wrap_up(desk: Any) -> None:
    live = desk.take(record("ann", 1))
    leg, his = answered_past_call(desk, 31)
    desk.resync(ended=[leg, his])
    assert [row["outcome"] for row in await written(desk)] == ["answered"]
    segment = await desk.one(store.segments)
    assert (segment["ended_at"], segment["wrap_up_until"], segment["wrap_up_ended_at"]) == (leg.at, None, leg.at)
    assert (live.work, desk.room.work_of("ann"), desk.room.picture.interactions) == ("idle", "idle", {})
    desk.room.check_clean()


@pytest.mark.parametrize("has_left", [True, False])
async def test_a_talk_that_an_event_ended_before_the_picture_came_has_its_wrap_up(desk: Any, has_left: bool) -> None:
    """After a restart of ours the router does not know the two; the link tells events before the picture."""
    item, leg = talking(desk)
    found = await again(desk, item)
    desk.room.part(found, leg, first=CALLER)
    if has_left:
        desk.room.leg_ends(CALLER)
    desk.resync(*([] if has_left else [customer(found, CallerPlace.HOLD)]))
    assert desk.room.work_of("ann") == "wrap-up"
    desk.room.leg_ends(CALLER)
    desk.time.advance(30)
    assert (found.is_over, found.segment.is_open, desk.room.work_of("ann")) == (True, False, "idle")
    assert desk.room.picture.interactions == {}


async def test_a_conversation_in_a_gap_takes_its_customer_out_of_the_line(desk: Any) -> None:
    """His agent answered as the link broke: for the router he waits again, and it would ring the next for him."""
    desk.take(record("ann", 1))
    item = desk.room.call()
    rung, answered_at = LegId(item.alert.reservation_id), desk.time.now()
    desk.room.fact(ports.LinkChanged(SERVER, False, "link-lost", answered_at))
    desk.time.advance(10)
    desk.room.alert_ends(rung, ports.AlertFailure.REVOKED)
    assert item.interaction_id in desk.room.engine.items
    left_at = answered_at + timedelta(seconds=5)
    his = ports.EndedLeg(rung, 16, left_at, "agent-1001", LegId(CALLER), answered_at)
    desk.resync(ended=[his, ports.EndedLeg(LegId(CALLER), 16, left_at)])
    assert (item.outcome, item.segment.agent_id) == (Outcome.ANSWERED, AgentId("a-ann"))
    assert desk.room.engine.items == {}, "nobody else is rung for him"
    assert desk.room.work_of("ann") == "wrap-up"


@pytest.mark.parametrize("busy", ["talking", "ringing", "wrapping-up", "unknown-talk"])
async def test_a_past_talk_starts_no_wrap_up_while_the_agent_has_anything_else(desk: Any, busy: str) -> None:
    desk.take(record("ann", 1))
    legs: list[ports.LiveLeg] = []
    if busy == "unknown-talk":  # a colleague, or a caller whose queue is not known
        legs = [
            agent_leg("1780000000.88", "agent-1001", peer="1780000000.89"),
            agent_leg("1780000000.89", "agent-1002"),
        ]
    else:
        item = desk.room.call()
        legs = [customer(item, CallerPlace.HOLD)]
    if busy in ("talking", "wrapping-up"):
        rung = desk.room.connect(item)
        legs = [customer(item, CallerPlace.BRIDGED, rung), agent_leg(rung, "agent-1001", peer=CALLER)]
    if busy == "wrapping-up":
        desk.room.part(item, rung, first=CALLER)
        desk.room.leg_ends(CALLER)
        legs = []
    before = desk.room.work_of("ann")
    leg, his = answered_past_call(desk, 5)
    desk.resync(*legs, ended=[leg, his])
    rows = await written(desk)
    assert [row["is_over"] for row in rows if row["leg_id"] == leg.leg_id] == [True]
    assert desk.room.work_of("ann") == before
    desk.room.check_clean()


@pytest.mark.parametrize("told", [True, False])
async def test_who_talks_to_the_next_by_now_has_no_wrap_up_of_the_one_before(desk: Any, told: bool) -> None:
    """The PBX's own queue gave him the next caller while we were away."""
    item, leg = talking(desk)
    following = desk.room.call("1780000000.2")
    left_at = desk.time.now() + timedelta(seconds=10)
    desk.time.advance(20)
    found = await again(desk, item)
    other = desk.room.picture.find_by_leg(SERVER, following.leg_id)
    native = "1780000000.88"
    ended = [ports.EndedLeg(LegId(leg), 16, left_at), ports.EndedLeg(LegId(CALLER), 16, left_at)] if told else []
    desk.resync(
        customer(other, CallerPlace.BRIDGED, native), agent_leg(native, "agent-1001", peer=other.leg_id), ended=ended
    )
    assert (found.phase, found.outcome, found.is_over) == (Phase.ENDED, Outcome.ANSWERED, True)
    assert found.segment.ended_at == (left_at if told else desk.time.now())
    assert (other.phase, desk.room.work_of("ann")) == (Phase.TALKING, "handling")
    assert desk.room.picture.agents[AgentId("a-ann")].interaction_id == other.interaction_id
    await desk.check_rows(found)
    desk.room.check_clean()


async def test_records_that_were_not_read_whole_are_counted(desk: Any) -> None:
    for is_cut in (False, True):
        desk.room.fact(ports.Resynced(SERVER, [], {}, [], False, desk.time.now(), is_cut=is_cut))
        assert desk.recovery.cut == int(is_cut)


async def test_hundreds_of_calls_nobody_saw_are_not_one_turn_of_the_loop(desk: Any) -> None:
    desk.resync(ended=[past_call(desk, f"1780000000.{n}") for n in range(100, 100 + 2 * A_TURN + 1)])
    turns, before = 0, desk.recovery.missed
    while desk.recovery.missed < 2 * A_TURN + 1:
        await asyncio.sleep(0)
        assert desk.recovery.missed - before <= A_TURN
        turns, before = turns + (desk.recovery.missed > before), desk.recovery.missed
    assert turns == 3
    assert len(await written(desk)) == 2 * A_TURN + 1


async def test_a_caller_in_the_flow_who_fell_to_the_fallback_and_left_met_nobody(desk: Any) -> None:
    item = desk.room.arrive()
    found = await again(desk, item)
    leg = replace(past_call(desk), leg_id=found.leg_id)
    desk.resync(ended=[leg])
    assert (found.outcome, found.end_reason, found.ended_at) == (Outcome.LOST, "server-away", leg.at)


async def test_a_caller_who_waited_in_the_fallback_and_leaves_before_our_queue_met_nobody(desk: Any) -> None:
    item = desk.room.arrive()
    found = await again(desk, item)
    desk.resync(customer(found, CallerPlace.FALLBACK))
    desk.room.leg_ends(found.leg_id)
    assert (found.outcome, found.end_reason) == (Outcome.LOST, "server-away")


@pytest.mark.parametrize("told", [True, False])
async def test_a_number_nobody_serves_is_told_by_the_cause_when_the_flows_word_was_lost(desk: Any, told: bool) -> None:
    item = desk.room.arrive()
    if told:
        desk.room.assignments.flow_left(SERVER, item.leg_id, ports.FlowExit.NO_SERVICE)
    desk.room.leg_ends(item.leg_id, 1)
    assert (item.outcome, item.end_reason) == (Outcome.NO_SERVICE, "no-service")


# ------------------------------------------------------------------ a PBX that is no longer configured


@pytest.mark.parametrize("prepare", ["flow", "waiting", "alerting", "talking", "held", "leaving"])
async def test_what_goes_on_at_a_pbx_that_is_configured_no_more_is_ended(desk: Any, prepare: str) -> None:
    if prepare in ("alerting", "talking", "held", "leaving"):
        desk.take(record("ann", 1))
    item = desk.room.arrive()
    desk.time.advance(5)
    if prepare != "flow":
        desk.room.enqueue(item)
    if prepare in ("talking", "held", "leaving"):
        leg = desk.room.connect(item)
    if prepare == "held":
        desk.room.hold(item, leg)
        desk.time.advance(4)
        desk.room.retrieve(item, leg)
        desk.room.hold(item, leg)
    if prepare == "leaving":
        desk.room.part(item, leg, first=leg)
    last = desk.time.now()
    desk.time.advance(86400)
    found = await again(desk, item)
    desk.recovery.close_unconfigured([SERVER])
    assert found.phase is not Phase.ENDED, "this one is"
    desk.recovery.close_unconfigured([ServerId("pbx-2")])
    is_answered = prepare in ("talking", "held", "leaving")
    assert (found.phase, found.ended_at, found.end_reason) == (
        Phase.ENDED,
        last if prepare != "flow" else found.arrived_at,
        "end-unknown",
    )
    assert found.outcome is (Outcome.ANSWERED if is_answered else Outcome.LOST)
    if is_answered:
        assert (found.segment.talk_time, found.segment.hold_time) == (0.0, 4.0 if prepare == "held" else 0.0)
    desk.time.advance(0.1)
    assert desk.room.picture.interactions == {}
    assert desk.recovery.unconfigured == 1
    await desk.check_rows(found)
    kinds = [row["kind"] for row in await desk.rows(events_table)]
    assert kinds.count("interaction-ended") == 1
    assert ("conversation-ended" in kinds, "visit-abandoned" in kinds) == (
        is_answered,
        prepare in ("waiting", "alerting"),
    )
    assert await desk.restart() == [], "and stays so"


# ------------------------------------------------------------------ a gap on the link, our process alive


async def test_a_gap_in_which_nothing_happened_changes_nothing(desk: Any) -> None:
    item, leg = talking(desk)
    waiting = desk.room.call("1780000000.2")
    desk.room.fact(ports.LinkChanged(SERVER, False, "link-lost", desk.time.now()))
    desk.room.telephony.acts.clear()
    desk.time.advance(3)
    desk.resync(
        customer(item, CallerPlace.BRIDGED, leg),
        agent_leg(leg, "agent-1001", peer=CALLER),
        customer(waiting, CallerPlace.HOLD),
    )
    assert (item.phase, waiting.phase) == (Phase.TALKING, Phase.WAITING)
    assert desk.room.telephony.acts == []
    assert desk.room.work_of("ann") == "handling"
    desk.room.check_clean()


async def test_answered_in_the_gap(desk: Any) -> None:
    desk.take(record("ann", 1))
    item = desk.room.call()
    leg = item.alert.reservation_id
    desk.room.fact(ports.LinkChanged(SERVER, False, "link-lost", desk.time.now()))
    desk.resync(customer(item, CallerPlace.BRIDGED, leg), agent_leg(leg, "agent-1001", peer=CALLER))
    assert (item.phase, item.segment.segment_id) == (Phase.TALKING, leg)
    assert desk.room.work_of("ann") == "handling"
    desk.room.check_clean()


async def test_a_caller_with_a_running_alert_is_not_moved(desk: Any) -> None:
    """A redirect could meet the bridge; he goes back to hold by himself should the alert fail."""
    desk.take(record("ann", 1))
    item = desk.room.call()
    desk.room.telephony.acts.clear()
    desk.resync(customer(item, CallerPlace.FALLBACK), agent_leg(item.alert.reservation_id, "agent-1001", up=False))
    assert desk.room.telephony.acts == []


async def test_a_caller_who_just_leaves_his_flow_is_not_moved(desk: Any) -> None:
    item = desk.room.call()
    desk.resync(customer(item, CallerPlace.FLOW))
    assert desk.room.telephony.acts == []
    desk.resync(customer(item, CallerPlace.FALLBACK))
    assert desk.room.telephony.acts == [("to-hold", CALLER)]


async def test_other_servers_are_left_alone(desk: Any) -> None:
    item = desk.room.call()
    desk.resync(server=ServerId("pbx-2"), restarted=True)
    assert item.phase is Phase.WAITING


async def test_an_unusable_device_after_the_gap(desk: Any) -> None:
    desk.take(record("ann", 1))
    now = desk.time.now()
    desk.room.fact(ports.Resynced(SERVER, [], {"agent-1001": False}, [], False, now))
    assert not desk.room.picture.agents[AgentId("a-ann")].device_usable
    desk.room.fact(ports.Resynced(SERVER, [], {}, [], False, now))
    assert not desk.room.picture.agents[AgentId("a-ann")].device_usable


async def test_calls_of_a_pbx_that_died_ended_when_its_link_broke(desk: Any) -> None:
    desk.take(record("ann", 1))
    item = desk.room.arrive()
    desk.room.enqueue(item)
    desk.room.connect(item)
    desk.time.advance(10)
    lost_at = desk.time.now()
    desk.room.fact(ports.LinkChanged(SERVER, False, "link-lost", lost_at))
    desk.time.advance(5)
    desk.room.fact(ports.Resynced(SERVER, [], {}, [], True, desk.time.now(), lost_at))
    assert (item.ended_at, item.end_reason) == (lost_at, "pbx-restarted")
    assert item.segment is not None
    assert item.segment.ended_at == lost_at


@pytest.mark.parametrize("knew", ["the-alert", "the-visit", "the-call", "nothing"])
async def test_a_conversation_begun_in_the_gap_ended_with_the_pbx(desk: Any, knew: str) -> None:
    """The PBX recorded that they met, and died. Of how long they talked is certain only that they began."""
    desk.take(record("ann", 1))
    leg, rung, lost_at = replace(past_call(desk, CALLER), at=desk.time.now()), LegId(STRAY), desk.time.now()
    line = ports.PlaceInLine(VisitId("01lostvisit"), QUEUE)
    if knew != "nothing":
        item = desk.room.arrive()
        if knew != "the-call":
            desk.room.enqueue(item)
            rung = LegId(item.alert.reservation_id)
        if knew == "the-alert":
            desk.room.fact(ports.LinkChanged(SERVER, False, "link-lost", lost_at))
        else:
            item = await again(desk, item)
    answered_at = lost_at + timedelta(seconds=1)
    desk.time.advance(5)
    if knew == "the-alert":
        desk.room.alert_ends(rung, ports.AlertFailure.REVOKED)  # as telephony's reconciliation tells
    caller = replace(leg, in_line=line, in_line_at=lost_at + timedelta(milliseconds=1), place=CallerPlace.HOLD)
    his = ports.EndedLeg(rung, 0, answered_at, "agent-1001", LegId(CALLER), answered_at)
    desk.resync(restarted=True, lost_at=lost_at, cut_off=[caller, his])
    (row,) = await written(desk)
    assert (row["outcome"], row["end_reason"], row["ended_at"]) == ("answered", "pbx-restarted", answered_at)
    segment = await desk.one(store.segments)
    assert (segment["id"], segment["agent_id"], segment["ended_by"]) == (rung, "a-ann", "system")
    assert (segment["answered_at"], segment["ended_at"]) == (answered_at, answered_at)
    desk.time.advance(60)
    assert (desk.room.work_of("ann"), desk.room.engine.items, desk.room.picture.interactions) == ("idle", {}, {})
    desk.room.check_clean()


async def test_a_call_the_pbx_took_with_it_waited_no_less_than_nothing(desk: Any) -> None:
    """He called, and stood in line, after we lost the link: his end is not before what is known of him."""
    leg = replace(past_call(desk), at=desk.time.now())
    entered = leg.at + timedelta(seconds=1)
    leg = replace(leg, in_line=ports.PlaceInLine(VisitId("01lostvisit"), QUEUE), in_line_at=entered)
    desk.resync(restarted=True, lost_at=leg.at, cut_off=[leg])
    assert [row["ended_at"] for row in await written(desk)] == [entered]
    assert (await desk.one(store.visits))["wait_time"] == 0.0


@pytest.mark.parametrize("is_there", [True, False])
async def test_an_agent_who_hung_up_in_the_gap_ended_his_talk_then(desk: Any, is_there: bool) -> None:
    """The customer stayed on the line, until now or for a while: that is no talk."""
    item, leg = talking(desk)
    left_at = desk.time.now() + timedelta(seconds=10)
    desk.time.advance(100)
    found = await again(desk, item)
    ended = [ports.EndedLeg(leg, 16, left_at)]
    if is_there:
        desk.resync(customer(found, CallerPlace.HOLD), ended=ended)
    else:
        desk.resync(ended=[*ended, ports.EndedLeg(LegId(CALLER), 16, left_at + timedelta(seconds=20))])
    assert (found.segment.ended_at, found.segment.ended_by) == (left_at, EndedBy.AGENT)
    assert found.phase is (Phase.LEAVING if is_there else Phase.ENDED)


async def test_a_customer_who_hung_up_in_the_gap_takes_the_agents_leg_along(desk: Any) -> None:
    item, leg = talking(desk)
    left_at = desk.time.now() + timedelta(seconds=10)
    desk.time.advance(100)
    found = await again(desk, item)
    legs = [ports.EndedLeg(leg, 16, left_at), ports.EndedLeg(LegId(CALLER), 16, left_at + timedelta(milliseconds=1))]
    desk.resync(ended=legs)
    assert found.segment.ended_by is EndedBy.CUSTOMER


async def test_a_conversation_wholly_in_the_gap_is_not_lost(desk: Any) -> None:
    """Rung before we went, answered and ended meanwhile: the agent has his part, the customer is not rung for again."""
    desk.take(record("ann", 1))
    item = desk.room.arrive()
    desk.room.enqueue(item)
    rung = LegId(item.alert.reservation_id)
    answered_at = desk.time.now() + timedelta(seconds=1)
    left_at = answered_at + timedelta(seconds=5)
    desk.time.advance(30)
    found = await again(desk, item)
    desk.resync(
        customer(found, CallerPlace.FALLBACK),
        ended=[ports.EndedLeg(rung, 16, left_at, "agent-1001", LegId(CALLER), answered_at)],
    )
    assert (found.segment.segment_id, found.segment.agent_id) == (rung, AgentId("a-ann"))
    assert (found.segment.answered_at, found.segment.ended_at) == (answered_at, left_at)
    assert (found.phase, found.alert) == (Phase.LEAVING, None)
    assert desk.room.work_of("ann") == "wrap-up"
    await desk.check_rows(found)


# ------------------------------------------------------------------ transferred


def transferred(desk: Any) -> tuple[Interaction, str]:
    """Ann has sent her customer to the queue, where Bea is rung; returns him and Ann's leg."""
    item, leg = talking(desk)
    desk.take(record("bea", 2))
    desk.time.advance(10)
    desk.room.assignments.transfers.begin(item, item.segment, desk.room.picture.queues[QUEUE])()
    return item, leg


def check_parts(item: Interaction, *agents: str) -> None:
    assert [one.agent_id for one in item.segments] == list(agents)


async def test_he_waits_after_a_transfer_and_the_first_agent_wraps_up(desk: Any) -> None:
    item, leg = transferred(desk)
    desk.room.leg_ends(leg)
    found = await again(desk, item)
    desk.resync(customer(found, CallerPlace.HOLD))
    assert (found.phase, found.visit.entered_at) == (Phase.ALERTING, item.visit.entered_at)
    assert desk.room.work_of("ann") == "wrap-up"
    check_parts(found, "a-ann")
    assert found.segment.transferred_to == QUEUE
    desk.room.connect(found)
    assert found.holders == {"a-ann", "a-bea"}
    await desk.check_rows(found)
    desk.room.check_clean()


async def test_the_second_talks_and_the_first_wraps_up(desk: Any) -> None:
    item, leg = transferred(desk)
    desk.room.leg_ends(leg)
    second = desk.room.connect(item)
    desk.time.advance(3)
    found = await again(desk, item)
    desk.resync(customer(found, CallerPlace.BRIDGED, second), agent_leg(second, "agent-1002", peer=CALLER))
    assert (found.phase, found.holders) == (Phase.TALKING, {"a-ann", "a-bea"})
    assert (desk.room.work_of("ann"), desk.room.work_of("bea")) == ("wrap-up", "handling")
    check_parts(found, "a-ann", "a-bea")
    assert [one.entered_at for one in found.segments] == [one.entered_at for one in item.segments]
    desk.room.leg_ends(CALLER)
    desk.room.leg_ends(second)
    desk.time.advance(60)
    assert desk.room.picture.interactions == {}
    assert [row["talk_time"] for row in await desk.rows(store.segments)] == [10.0, 3.0]
    desk.room.check_clean()


async def test_killed_before_the_pbx_heard_of_the_transfer(desk: Any) -> None:
    """The rows say that he waits: he is parted from the agent who is done with him, and is given to the next."""
    item, leg = transferred(desk)
    found = await again(desk, item)
    desk.resync(customer(found, CallerPlace.BRIDGED, leg), agent_leg(leg, "agent-1001", peer=CALLER))
    assert desk.room.telephony.acts[0] == ("let-wait", CALLER, leg, "agent-1001")
    assert not [act for act in desk.room.telephony.acts if act[0] in ("hang-up", "to-hold")], "that may end his call"
    assert (found.phase, found.alert.agent_id) == (Phase.ALERTING, "a-bea")
    desk.room.part(found, leg, first=leg)
    desk.room.leg_ends(leg)
    check_parts(found, "a-ann")
    desk.room.connect(found)
    check_parts(found, "a-ann", "a-bea")
    await desk.check_rows(found)
    desk.room.check_clean()


@pytest.mark.parametrize("is_recorded", [True, False])
async def test_killed_before_the_pbx_heard_of_the_transfer_from_a_nailed_leg(desk: Any, is_recorded: bool) -> None:
    """Its id tells nothing then; without the PBX's records nobody knows which of his talks it is, and it goes on."""
    desk.take(record("ann", 1, device=NAILED))
    item, began = desk.room.call(), desk.time.now()
    leg = desk.room.connect(item)
    desk.take(record("bea", 2))
    desk.time.advance(10)
    desk.room.assignments.transfers.begin(item, item.segment, desk.room.picture.queues[QUEUE])()
    found = await again(desk, item)
    nailed = replace(agent_leg(STRAY, "agent-1001", peer=CALLER), bridged_at=began if is_recorded else None)
    desk.resync(customer(found, CallerPlace.BRIDGED, STRAY), nailed)
    if is_recorded:
        acts = desk.room.telephony.acts
        assert acts[:2] == [("serve", STRAY, leg), ("let-wait", CALLER, leg, "agent-1001")]
        assert (found.phase, found.alert.agent_id, desk.room.work_of("ann")) == (Phase.ALERTING, "a-bea", "wrap-up")
        check_parts(found, "a-ann")
    else:
        assert (found.phase, desk.room.work_of("ann")) == (Phase.TALKING, "handling")
        check_parts(found, "a-ann", "a-ann")
        first, second = await desk.rows(store.segments) if leg < STRAY else (await desk.rows(store.segments))[::-1]
        assert (first["id"], first["transferred_to"]) == (leg, QUEUE)
        assert first["wrap_up_ended_at"] == second["answered_at"], "one agent has one open part"
        assert second["wrap_up_ended_at"] is None
    await desk.check_rows(found)
    desk.room.check_clean()


async def test_a_nailed_leg_that_has_him_anew_keeps_him(desk: Any) -> None:
    """Transferred to a line of his own, and accepted there in the moment in which we went."""
    desk.take(record("ann", 1, device=NAILED))
    item = desk.room.call()
    leg = desk.room.connect(item)
    desk.room.assignments.transfers.begin(item, item.segment, desk.room.picture.queues[QUEUE])()
    desk.room.leg_ends(leg)
    desk.time.advance(3)
    found = await again(desk, item)
    bridged = replace(agent_leg(STRAY, "agent-1001", peer=CALLER), bridged_at=desk.time.now())
    desk.resync(customer(found, CallerPlace.BRIDGED, STRAY), bridged)
    assert found.phase is Phase.TALKING
    check_parts(found, "a-ann", "a-ann")
    assert [act for act in desk.room.telephony.acts if act[0] in ("let-wait", "hang-up")] == []
    desk.room.check_clean()


async def test_the_second_talk_came_and_went_in_the_gap(desk: Any) -> None:
    item, leg = transferred(desk)
    began, parted_at, rung = item.segment.answered_at, desk.time.now(), LegId(item.alert.reservation_id)
    left_at = parted_at + timedelta(seconds=9)
    desk.time.advance(60)
    found = await again(desk, item)
    first = ports.EndedLeg(LegId(leg), 16, parted_at, "agent-1001", LegId(CALLER), began)
    second = ports.EndedLeg(rung, 16, left_at, "agent-1002", LegId(CALLER), parted_at + timedelta(seconds=3))
    desk.resync(ended=[first, second, ports.EndedLeg(LegId(CALLER), 16, left_at)])
    assert (found.outcome, found.visit.end, found.waited) == (Outcome.ANSWERED, VisitEnd.ANSWERED, 3.0)
    check_parts(found, "a-ann", "a-bea")
    assert [one.talk_time for one in found.segments] == [10.0, 6.0]
    await desk.check_rows(found)
    desk.room.check_clean()


async def test_he_gave_up_meanwhile_in_the_other_queue(desk: Any) -> None:
    item, leg = transferred(desk)
    left_at = desk.time.now() + timedelta(seconds=4)
    desk.time.advance(60)
    found = await again(desk, item)
    over = ports.EndedLeg(LegId(leg), 16, left_at - timedelta(seconds=4), "agent-1001")
    desk.resync(ended=[ports.EndedLeg(LegId(CALLER), 16, left_at), over])
    assert (found.outcome, found.visit.end, found.waited) == (Outcome.ANSWERED, VisitEnd.ABANDONED, 4.0)
    check_parts(found, "a-ann")
    desk.room.check_clean()


async def test_the_leg_of_who_transferred_out_of_hold_is_not_left_in_silence(desk: Any) -> None:
    """It was to be hung up, and we went before: his customer talks to the next agent by now."""
    item, leg = talking(desk)
    desk.take(record("bea", 2))
    desk.room.hold(item, leg)
    desk.room.assignments.transfers.begin(item, item.segment, desk.room.picture.queues[QUEUE])()
    second = desk.room.connect(item)
    found = await again(desk, item)
    bridged = (customer(found, CallerPlace.BRIDGED, second), agent_leg(second, "agent-1002", peer=CALLER))
    desk.resync(*bridged, agent_leg(leg, "agent-1001"))
    assert [act for act in desk.room.telephony.acts if act[0] == "hang-up"] == [("hang-up", leg)]
    assert found.phase is Phase.TALKING
    desk.room.check_clean()

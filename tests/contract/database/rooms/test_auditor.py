"""What does not agree is found twice, told, and put right; what agrees is left alone."""

import asyncio
import re
from dataclasses import replace
from typing import Any

import pytest

from contactcenter.core.events import events_table
from contactcenter.core.ids import AgentId, LegId, ServerId
from contactcenter.interactions import audit, ports, store
from contactcenter.interactions.audit import Code, Finding, Strikes
from contactcenter.interactions.model import Interaction, Phase
from contactcenter.interactions.ports import CallerPlace
from routing import commands as routing
from routing.engine import Engine
from tests.fakes.desk import agent_leg, customer
from tests.fakes.room import QUEUE, SERVER, record
from tests.source import ROOT

CALLER = "1780000000.1"
STRAY = "01ksr492z8gbhfea5mz914gqht"
ANN = AgentId("a-ann")


def show(desk: Any, *legs: ports.LiveLeg) -> None:
    """A PBX shows what is up, with nothing changed in between."""
    desk.room.fact(ports.Seen(SERVER, legs, desk.time.now()))


async def twice(desk: Any, *legs: ports.LiveLeg | None, pause: float = 20) -> None:
    """Two audits; with legs the PBX shows them each time."""
    for _ in range(2):
        await desk.auditor.audit()
        if legs:
            show(desk, *(leg for leg in legs if leg is not None))
        desk.time.advance(pause)


def link(desk: Any) -> None:
    desk.room.fact(ports.LinkChanged(SERVER, True, "", desk.time.now()))


async def told(desk: Any) -> list[tuple[str, str]]:
    rows = [row for row in await desk.rows(events_table) if row["kind"] == "audit-finding"]
    assert len(rows) == desk.auditor.confirmed
    return [(found.finding.code.value, found.finding.about) for found in desk.auditor.audits.last]


def talking(desk: Any) -> tuple[Interaction, str]:
    desk.take(record("ann", 1))
    item = desk.room.call()
    return item, desk.room.connect(item)


def acts(desk: Any, *kinds: str) -> list[tuple[Any, ...]]:
    return [act for act in desk.room.telephony.acts if act[0] in kinds]


def test_every_code_is_acted_on_and_has_its_words(desk: Any) -> None:
    assert set(desk.auditor._heal) == set(Code)
    words = (ROOT / "agent_ui/frontend/src/live/checks.ts").read_text()
    assert set(re.findall(r'^  "([a-z-]+)": ', words, re.MULTILINE)) == {code.value for code in Code}


# ------------------------------------------------------------------ strikes


def test_only_what_is_found_twice_in_a_row_counts_and_then_anew() -> None:
    one, other = Finding(Code.CALL_GONE, LegId("1")), Finding(Code.CALL_GONE, LegId("2"))
    strikes = Strikes()
    rounds = [{one}, {other}, {one, other}, {one}, {one}, {one}, set(), {one}]
    assert [strikes.count(found) for found in rounds] == [[], [], [other], [one], [], [one], [], []]


# ------------------------------------------------------------------ nothing to find


async def test_nothing_is_found_in_a_whole_call(desk: Any) -> None:
    """At every step, with the PBX's picture as it is then."""
    desk.take(record("ann", 1))
    room = desk.room
    item = room.arrive()
    await twice(desk, customer(item, CallerPlace.FLOW))
    room.enqueue(item)
    leg = item.alert.reservation_id
    await desk.auditor.audit()
    show(desk, customer(item, CallerPlace.HOLD), agent_leg(leg, "agent-1001", up=False))
    room.connect(item)
    bridged = customer(item, CallerPlace.BRIDGED, leg), agent_leg(leg, "agent-1001", peer=CALLER)
    await twice(desk, *bridged)
    waiting = room.call("1780000000.2")
    await twice(desk, *bridged, customer(waiting, CallerPlace.HOLD))
    room.part(item, leg, first=leg)
    await desk.auditor.audit()
    room.leg_ends(CALLER)
    room.leg_ends(leg)
    desk.time.advance(60)
    assert waiting.phase is Phase.ALERTING
    others = agent_leg(waiting.alert.reservation_id, "agent-1001", up=False)
    foreign = agent_leg("1780000000.77", "carrier", up=False)
    await desk.auditor.audit()
    show(desk, customer(waiting, CallerPlace.HOLD), others, foreign)
    room.leg_ends(waiting.leg_id)
    room.alert_ends(waiting.alert.reservation_id, ports.AlertFailure.CALLER_GONE)
    await twice(desk)
    assert await told(desk) == []
    assert acts(desk, "resync") == []
    assert len(acts(desk, "look")) == 0, "no link is known here"
    room.check_clean()


async def test_every_linked_pbx_is_asked_and_none_that_is_down(desk: Any) -> None:
    desk.resync()
    desk.room.fact(ports.LinkChanged(ServerId("pbx-2"), False, "link-lost", desk.time.now()))
    await desk.auditor.audit()
    assert acts(desk, "look") == [("look", SERVER)]
    assert desk.auditor.audits.at == desk.time.now()


# ------------------------------------------------------------------ the PBX's picture


async def pbx_case(desk: Any, code: Code) -> tuple[list[ports.LiveLeg | None], str]:
    """Legs the PBX shows that do not agree, and what is found about."""
    if code is Code.CALL_GONE:
        return [None], desk.room.call().interaction_id
    if code is Code.CALL_UNKNOWN:
        ghost = desk.room.arrive("1780000000.7")
        desk.room.leg_ends(ghost.leg_id)
        return [customer(ghost, CallerPlace.FLOW)], ghost.leg_id
    if code is Code.CALLER_ASTRAY:
        item = desk.room.call()
        return [customer(item, CallerPlace.FALLBACK)], item.interaction_id
    if code is Code.LEG_FOR_NOBODY:
        return [agent_leg(STRAY, "agent-1001", up=False)], STRAY
    if code is Code.TALK_UNKNOWN:
        item = desk.room.call()
        return [
            customer(item, CallerPlace.BRIDGED, STRAY),
            agent_leg(STRAY, "agent-1001", peer=CALLER),
        ], item.interaction_id
    item, _ = talking(desk)
    return [customer(item, CallerPlace.HOLD)], item.interaction_id


@pytest.mark.parametrize("shown", ["apart", "together", "agent gone", "agent alone"])
async def test_who_is_on_hold_is_looked_for_with_his_agent(desk: Any, shown: str) -> None:
    link(desk)
    item, leg = talking(desk)
    desk.room.hold(item, leg)
    legs = {
        "apart": [customer(item, CallerPlace.HOLD), agent_leg(leg, "agent-1001")],
        "together": [customer(item, CallerPlace.BRIDGED, leg), agent_leg(leg, "agent-1001", peer=CALLER)],
        "agent gone": [customer(item, CallerPlace.HOLD)],
        "agent alone": [agent_leg(leg, "agent-1001")],
    }
    codes = {"together": Code.TALK_UNKNOWN, "agent gone": Code.TALK_OVER, "agent alone": Code.CALL_GONE}
    await twice(desk, *legs[shown])
    assert await told(desk) == ([(codes[shown].value, item.interaction_id)] if shown in codes else [])
    if shown == "apart":
        desk.room.leg_ends(CALLER)
        await twice(desk, agent_leg(leg, "agent-1001"))
        assert await told(desk) == [("leg-for-nobody", leg)], "he hears silence"


@pytest.mark.parametrize(
    "code",
    [
        Code.CALL_GONE,
        Code.CALL_UNKNOWN,
        Code.CALLER_ASTRAY,
        Code.LEG_FOR_NOBODY,
        Code.TALK_UNKNOWN,
        Code.TALK_OVER,
    ],
)
async def test_what_a_pbx_shows_otherwise_is_asked_for_whole(desk: Any, code: Code) -> None:
    legs, about = await pbx_case(desk, code)
    show(desk, *(leg for leg in legs if leg))
    assert acts(desk, "resync") == [], "news may be on its way"
    show(desk, *(leg for leg in legs if leg))
    assert acts(desk, "resync") == [("resync", SERVER)]
    assert await told(desk) == [(code.value, about)]
    show(desk)
    assert acts(desk, "resync") == [("resync", SERVER)], "healing has its time"


async def test_many_findings_ask_for_one_picture(desk: Any) -> None:
    for number in range(1, 6):
        desk.room.call(f"1780000000.{number}")
    show(desk)
    show(desk)
    assert acts(desk, "resync") == [("resync", SERVER)]
    assert len(await told(desk)) == 5


async def test_another_servers_calls_are_none_of_this_ones(desk: Any) -> None:
    item = desk.room.call()
    other = replace(customer(item, CallerPlace.HOLD), leg_id=LegId("x"))
    desk.room.fact(ports.Seen(ServerId("pbx-2"), [other], desk.time.now()))
    desk.room.fact(ports.Seen(ServerId("pbx-2"), [other], desk.time.now()))
    assert await told(desk) == [("call-unknown", "x")]


# ------------------------------------------------------------------ the router


async def test_a_caller_the_router_lost_is_in_line_again_at_his_place(desk: Any) -> None:
    item = desk.room.call(priority=3)
    desk.room.router.submit(routing.Withdraw(item.interaction_id))
    await twice(desk)
    assert await told(desk) == [], "before the link is up, the router is told of nobody"
    desk.room.assignments.submit_visit(item)
    link(desk)
    desk.room.router.submit(routing.Withdraw(item.interaction_id))
    assert desk.room.engine.items == {}
    await twice(desk)
    assert await told(desk) == [("not-in-line", item.interaction_id)]
    held = desk.room.engine.items[item.interaction_id]
    assert (held.entered_at, held.priority) == (item.visit.entered_at.timestamp(), 3)
    desk.take(record("ann", 1))
    assert item.phase is Phase.ALERTING


async def test_a_place_kept_for_nobody_is_given_up(desk: Any) -> None:
    item = desk.room.call()
    desk.room.picture.drop(item)
    await desk.rooms.database.write(lambda tx: tx.execute(store.interactions.delete()))
    await twice(desk)
    assert await told(desk) == [("in-line-for-nobody", item.interaction_id)]
    assert desk.room.engine.items == {}


@pytest.mark.parametrize("state", ["reserved", "handling", "wrap-up"])
async def test_an_agent_kept_busy_by_nothing_is_let_go(desk: Any, state: str) -> None:
    desk.take(record("ann", 1))
    item = desk.room.call()
    if state != "reserved":
        leg = desk.room.connect(item)
    if state == "wrap-up":
        desk.room.part(item, leg, first=CALLER)
    desk.room.picture.drop(item)
    await desk.rooms.database.write(lambda tx: tx.execute(store.interactions.delete()))
    assert [str(one.state) for one in desk.room.engine.agents[ANN].assignments.values()] == [state]
    await twice(desk, pause=1)
    assert ("work-for-nobody", item.interaction_id) in await told(desk)
    assert desk.room.engine.agents[ANN].assignments == {}
    assert desk.room.engine.items == {}
    following = desk.room.call("1780000000.9")
    assert following.phase is Phase.ALERTING, "he gets the next one"


async def test_an_agent_left_idle_is_given_who_waits(desk: Any) -> None:
    desk.take(record("ann", 1))
    desk.room.router.submit(routing.SetPresence(ANN, routing.Presence.NOT_READY, "lunch"))
    item = desk.room.call()
    desk.room.engine.agents[ANN].presence = routing.Presence.READY  # a fault: nobody looked for work for him
    await twice(desk)
    assert await told(desk) == [("agent-left-idle", item.interaction_id)]
    assert item.phase is Phase.ALERTING


async def test_so_many_pairs_and_no_more(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    looked = []
    monkeypatch.setattr(Engine, "refusal", lambda _, *pair: looked.append(pair) or ("skill", "", 0))
    desk.take(record("ann", 1, skills={"fr": 1}))
    for number in range(30):
        desk.room.call(f"1780000000.{number}", skills={"de": 1})
    monkeypatch.setattr(audit, "PAIRS", 20)
    idle = audit.IdleRound()
    assert audit.of_router(desk.room.picture, desk.room.engine, desk.time.now(), idle) == set()
    assert len(looked) == 20
    audit.of_router(desk.room.picture, desk.room.engine, desk.time.now(), idle)
    assert {item.interaction_id for _, item in looked} == set(desk.room.engine.items), "all have their turn"


async def test_an_agent_left_idle_is_found_wherever_he_stands(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pair that does not agree is the last of many more than are looked at in one audit."""
    monkeypatch.setattr(audit, "PAIRS", 20)
    desk.take(record("bob", 2, skills={"fr": 1}))
    for number in range(100):
        desk.room.call(f"1780000000.{number}", skills={"de": 1})
    desk.take(record("ann", 1, skills={"en": 1}))
    desk.room.router.submit(routing.SetPresence(ANN, routing.Presence.NOT_READY, "lunch"))
    item = desk.room.call("1780000000.900", skills={"en": 1})
    desk.room.engine.agents[ANN].presence = routing.Presence.READY  # a fault: nobody looked for work for her
    for _ in range(2 * 101 // 20 + 2):
        await desk.auditor.audit()
    assert await told(desk) == [("agent-left-idle", item.interaction_id)]
    assert item.phase is Phase.ALERTING


# ------------------------------------------------------------------ states that stick


async def test_an_alert_far_beyond_its_deadline(desk: Any) -> None:
    desk.take(record("ann", 1))
    item = desk.room.call()
    revoked: list[str] = []
    desk.room.telephony.revoke = revoked.append  # a fault: no answer ever comes
    desk.time.advance(20 + 25)
    await desk.auditor.audit()
    desk.time.advance(10)
    await twice(desk)
    assert await told(desk) == [("too-long-alerting", item.interaction_id)]
    assert revoked.count(item.alert.reservation_id) >= 2
    desk.room.alert_ends(item.alert.reservation_id, ports.AlertFailure.REVOKED)
    assert item.phase is Phase.WAITING


async def test_an_alert_waits_for_its_pbx_however_long_that_is_away(desk: Any) -> None:
    """Only the PBX can end it: found by a simulated day on which a link took more than a minute to come back."""
    desk.take(record("ann", 1))
    item = desk.room.call()
    desk.room.fact(ports.LinkChanged(SERVER, False, "boot-timeout", desk.time.now()))
    desk.time.advance(200)
    await twice(desk)
    assert item.alert is not None
    assert await told(desk) == []


async def test_a_customer_who_stays_after_the_conversation(desk: Any) -> None:
    link(desk)
    item, leg = talking(desk)
    desk.room.part(item, leg, first=leg)
    desk.time.advance(59)
    await twice(desk)
    assert ("hang-up", item.leg_id) not in desk.room.telephony.acts, "one strike so far"
    await desk.auditor.audit()
    assert ("hang-up", item.leg_id) in desk.room.telephony.acts
    assert ("too-long-leaving", item.interaction_id) in await told(desk)


async def test_a_wrap_up_whose_timer_was_lost(desk: Any) -> None:
    item, leg = talking(desk)
    desk.room.part(item, leg, first=CALLER)
    desk.room.leg_ends(CALLER)
    desk.room.router._timer.cancel()
    desk.time.advance(30 + 31)
    assert item.segment.is_open
    await twice(desk)
    assert not item.segment.is_open
    assert ("too-long-in-wrap-up", item.interaction_id) in await told(desk)
    assert desk.room.engine.agents[ANN].assignments == {}


async def test_the_wrap_up_of_one_who_transferred_him_ends_too(desk: Any) -> None:
    link(desk)
    item, leg = talking(desk)
    desk.take(record("bea", 2))
    desk.room.assignments.transfers.begin(item, item.segment, desk.room.picture.queues[QUEUE])()
    desk.room.leg_ends(leg)
    second = desk.room.connect(item)
    desk.room.router._timer.cancel()
    desk.time.advance(30 + 31)
    bridged = agent_leg(second, "agent-1002", peer=CALLER)
    await twice(desk, customer(item, CallerPlace.BRIDGED, second), bridged)
    assert [one.is_open for one in item.segments] == [False, True]
    assert desk.room.engine.agents[ANN].assignments == {}
    assert item.phase is Phase.TALKING


@pytest.mark.parametrize("phase", [Phase.FLOW, Phase.LEAVING])
async def test_a_call_that_never_leaves_its_flow(desk: Any, phase: Phase) -> None:
    link(desk)
    item = desk.room.arrive()
    if phase is Phase.LEAVING:
        desk.room.assignments.flow_left(SERVER, item.leg_id, ports.FlowExit.HANG_UP)
    desk.time.advance(7200 + 30)
    await twice(desk)
    assert await told(desk) == ([] if phase is Phase.LEAVING else [("too-long-in-flow", item.interaction_id)])
    desk.time.advance(60)
    await twice(desk)
    assert ("hang-up", item.leg_id) in desk.room.telephony.acts


# ------------------------------------------------------------------ the store


async def test_a_row_nobody_knows_is_taken_up_and_brought_to_its_end(desk: Any) -> None:
    item = desk.room.call()
    desk.room.picture.drop(item)
    desk.room.router.submit(routing.Withdraw(item.interaction_id))
    await twice(desk)
    assert await told(desk) == [("row-left-open", item.interaction_id)]
    found = desk.room.picture.interactions[item.interaction_id]
    assert found is not item
    assert ("resync", SERVER) in desk.room.telephony.acts
    desk.resync()
    assert (found.phase, found.end_reason) == (Phase.ENDED, "end-unknown")
    assert (await desk.one(store.interactions))["is_over"]


async def test_a_row_of_somebody_who_still_waits_goes_back_in_line(desk: Any) -> None:
    item, other = desk.room.call(), desk.room.call("1780000000.2")
    desk.room.picture.drop(item)
    desk.room.router.submit(routing.Withdraw(item.interaction_id))
    entered = desk.room.engine.items[other.interaction_id].entry
    await twice(desk)
    found = desk.room.picture.interactions[item.interaction_id]
    desk.resync(customer(found, CallerPlace.HOLD), customer(other, CallerPlace.HOLD))
    assert found.interaction_id in desk.room.engine.items
    assert (desk.recovery.adopted, desk.room.engine.items[other.interaction_id].entry) == (1, entered), "only he"


async def test_a_store_that_refuses_is_not_asked(desk: Any) -> None:
    desk.rooms.database.degraded = "disk full"
    async with asyncio.timeout(1):
        await desk.auditor.audit()
    desk.rooms.database.degraded = ""


# ------------------------------------------------------------------ healing that fails


async def test_one_that_cannot_be_healed_keeps_no_other_from_it(desk: Any) -> None:
    """Of a server that is none any more, for example."""
    link(desk)
    first, second = desk.room.call(), desk.room.call("1780000000.2")
    for item in (first, second):
        desk.room.router.submit(routing.Withdraw(item.interaction_id))
    submit = desk.room.assignments.submit_visit

    def fails_for_the_first(item: Interaction) -> None:
        if item is first:
            raise KeyError("no such server")
        submit(item)

    desk.room.assignments.submit_visit = fails_for_the_first
    await twice(desk)
    assert second.interaction_id in desk.room.engine.items
    assert (desk.auditor.failures, desk.auditor.confirmed) == (1, 2)


async def test_a_picture_that_cannot_be_asked_for_keeps_no_other_from_it(desk: Any) -> None:
    resync, asked = desk.room.telephony.resync, []

    def fails_for_one(server_id: ServerId) -> None:
        asked.append(server_id)
        if server_id == SERVER:
            raise KeyError(server_id)
        resync(server_id)

    desk.room.telephony.resync = fails_for_one
    item = desk.room.call()
    desk.room.picture.drop(item)
    desk.room.router.submit(routing.Withdraw(item.interaction_id))
    await twice(desk)
    assert (desk.auditor.failures, asked) == (1, [SERVER])
    assert item.interaction_id in desk.room.picture.interactions
    before = desk.auditor.audits.at
    await desk.auditor.audit()
    assert desk.auditor.audits.at > before, "the round goes on"

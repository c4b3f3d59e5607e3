"""The hub: who sees what, that nothing is lost or left over, and that a page that does not read harms nobody."""

import asyncio
import random
from dataclasses import replace
from typing import Any

import pytest

from agent_ui import hub as hub_module
from agent_ui.hub import DESKTOP, FEED_KEPT, LIVE, OUTBOX
from agent_ui.protocol import Hello, Resume
from contactcenter.core.ids import AgentId, LegId, QueueId, ReservationId, ServerId, SkillId, TeamId
from contactcenter.interactions import ports
from contactcenter.interactions.audit import Code, Finding, Healed
from contactcenter.interactions.model import Interaction, Phase
from contactcenter.queues.model import ValueStep
from routing import commands as routing
from tests.fakes.room import QUEUE, SERVER, Room, queue
from tests.fakes.screens import Client, Screens, agent, turn

CALLER = "1780000000.1"


# ------------------------------------------------------------------ a desktop


async def test_the_pop_is_there_at_the_end_of_the_turn_and_only_on_that_screen() -> None:
    screens = Screens()
    screens.room.agent("ann", 1, idle=100)
    screens.room.agent("bob", 2)
    ann, bob = screens.open("ann"), screens.open("bob")
    assert set(ann.slots) == {"settings", "me"}
    item = screens.room.call()
    assert list(ann.page.outbox) == [], "several changes of one turn are one frame"
    await turn()
    ann.read()
    bob.read()
    assert ann.kinds == ["snapshot", "changes"]
    work = ann.slots[f"work:{item.interaction_id}"]
    assert (work["state"], work["leg_id"]) == ("alerting", item.alert.reservation_id if item.alert else None)
    assert f"card:{item.interaction_id}" in ann.slots
    assert set(bob.slots) == {"settings", "me"}


def ringing_without_card() -> tuple[Screens, Client, Interaction]:
    """A call that rings at Ann's while its customer is still being looked up."""
    screens = Screens()
    screens.room.agent("ann", 1)
    ann = screens.open("ann")
    screens.room.assignments.lookup = lambda item: None
    return screens, ann, screens.room.call()


async def test_a_pop_waits_for_its_card_so_that_both_are_one_frame() -> None:
    screens, ann, item = ringing_without_card()
    await turn()
    assert list(ann.page.outbox) == []
    screens.found(item, "Ada")
    await turn()
    ann.read()
    assert ann.kinds == ["snapshot", "changes"]
    assert ann.slots[f"work:{item.interaction_id}"]["title"] == "Ada"
    assert ann.slots["me"]["work"]["state"] == "reserved"


async def test_a_callers_number_reads_the_same_before_and_after_his_card(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "CARD_WAIT", 0.0)
    _, ann, item = ringing_without_card()
    item.caller_number = "+49309000000"
    await turn()
    await turn()
    early = ann.read().slots[f"work:{item.interaction_id}"]["caller"]
    assert (early["number"], early["raw"]) == ("+49 30 9000000", "+49309000000")


async def test_a_card_that_does_not_come_holds_no_pop_up_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "CARD_WAIT", 0.0)
    screens, ann, item = ringing_without_card()
    await turn()
    await turn()
    assert ann.read().slots[f"card:{item.interaction_id}"]["loading"] is True
    screens.room.fact(ports.DeviceChanged(SERVER, "agent-1001", False, "UNAVAILABLE", screens.room.time.now()))
    await turn()
    assert len(ann.read().kinds) == 3, "what is on the screen already waits for nothing"


async def test_a_pop_that_waits_for_its_card_ends_without_a_trace() -> None:
    screens, ann, item = ringing_without_card()
    await turn()
    screens.room.leg_ends(CALLER)
    screens.room.alert_ends(screens.room.telephony.alerts[0].reservation_id, ports.AlertFailure.REVOKED)
    await turn()
    assert f"work:{item.interaction_id}" not in ann.read().slots
    assert screens.hub._late == {}


async def test_an_interaction_wanders_from_screen_to_screen() -> None:
    screens = Screens()
    screens.room.agent("ann", 1, idle=100)
    screens.room.agent("bob", 2)
    ann, bob = screens.open("ann"), screens.open("bob")
    item = screens.room.call()
    await turn()
    screens.room.alert_ends(screens.room.telephony.alerts[0].reservation_id, ports.AlertFailure.NO_ANSWER)
    await turn()
    key = f"work:{item.interaction_id}"
    assert key not in ann.read().slots
    assert ann.slots["me"]["notice"]["code"] == "no-answer"
    assert bob.read().slots[key]["state"] == "alerting"
    leg = screens.room.connect(item)
    await turn()
    assert bob.read().slots[key]["state"] == "talking"
    screens.room.part(item, leg, first=CALLER)
    screens.room.leg_ends(CALLER)
    await turn()
    assert bob.read().slots[key]["state"] == "wrap-up"
    screens.room.time.advance(31)
    await turn()
    assert set(bob.read().slots) == {"settings", "me"}


async def test_a_second_desktop_replaces_the_first() -> None:
    screens = Screens()
    screens.room.agent("ann")
    first = screens.open("ann", instance="tab-1")
    second = screens.open("ann", instance="tab-2")
    assert first.page.goodbye == "replaced"
    assert first.read().kinds[-1] == "goodbye"
    screens.room.call()
    await turn()
    assert list(first.page.outbox) == []
    assert any(key.startswith("work:") for key in second.read().slots)
    screens.hub.closed(first.page)
    assert screens.hub.desktop_of(AgentId("a-ann")) is second.page
    screens.hub.closed(second.page)
    assert screens.hub.desktop_of(AgentId("a-ann")) is None


async def test_the_same_tab_coming_back_is_no_second_desktop() -> None:
    screens = Screens()
    screens.room.agent("ann")
    first = screens.open("ann")
    again = screens.open("ann")
    assert first.page.goodbye == ""
    assert screens.hub.desktop_of(AgentId("a-ann")) is again.page


def resume(screens: Screens, client: Client, name: str = "ann") -> Client:
    """The page comes back over a new socket with what it saw last."""
    hello = Hello(DESKTOP, "tab-1", resume=Resume(client.epoch, client.seq))
    client.page = screens.hub.open(agent(name), hello, {"site": "main"})
    return client.read()


async def test_resume_gets_what_was_missed() -> None:
    screens = Screens()
    screens.room.agent("ann")
    ann = screens.open("ann")
    screens.room.call()
    await turn()
    ann.page.outbox.clear()  # sent, but the socket broke before it was read
    screens.hub.closed(ann.page)
    resume(screens, ann)
    assert ann.kinds == ["snapshot", "changes"]
    fresh = screens.open("ann", instance="tab-2")
    assert ann.slots == fresh.slots
    assert any(key.startswith("work:") for key in fresh.slots)


async def test_resume_forgets_what_ended_while_away() -> None:
    """Or the page would show a call that is over until it is loaded anew."""
    screens = Screens()
    screens.room.agent("ann")
    ann = screens.open("ann")
    item = screens.room.call()
    screens.room.connect(item)
    await turn()
    ann.read()
    screens.hub.closed(ann.page)
    screens.room.leg_ends(CALLER)
    screens.room.time.advance(31)
    await turn()
    assert screens.room.picture.interactions == {}
    resume(screens, ann)
    assert set(ann.slots) == {"settings", "me"}
    assert ann.kinds.count("snapshot") == 1


@pytest.mark.parametrize("away, resumes", [(FEED_KEPT - 1, True), (FEED_KEPT + 1, False)])
async def test_a_feed_waits_for_its_page_so_long(away: float, resumes: bool) -> None:
    screens = Screens()
    screens.room.agent("ann")
    ann = screens.open("ann")
    screens.hub.closed(ann.page)
    screens.room.time.advance(away)
    back = screens.open("ann", resume=Resume(ann.epoch, ann.seq))
    assert ("snapshot" not in back.kinds) is resumes


@pytest.mark.parametrize("name, instance", [("bob", "tab-1"), ("ann", "tab-2")])
async def test_nobody_resumes_anothers_feed(name: str, instance: str) -> None:
    screens = Screens()
    screens.room.agent("ann", 1)
    screens.room.agent("bob", 2)
    ann = screens.open("ann")
    screens.hub.closed(ann.page)
    other = screens.open(name, instance=instance, resume=Resume(ann.epoch, ann.seq))
    assert other.kinds == ["snapshot"]
    assert other.epoch != ann.epoch


@pytest.mark.parametrize("epoch, seq", [("made-up", 1), ("", 10**9), ("", -5)])
async def test_a_made_up_resume_is_a_fresh_snapshot(epoch: str, seq: int) -> None:
    screens = Screens()
    screens.room.agent("ann")
    ann = screens.open("ann")
    screens.hub.closed(ann.page)
    assert screens.open("ann", resume=Resume(epoch or ann.epoch, seq)).kinds == ["snapshot"]


async def test_a_page_that_said_goodbye_does_not_resume() -> None:
    screens = Screens()
    screens.room.agent("ann")
    ann = screens.open("ann")
    screens.hub.close_credential("session-1")
    assert ann.read().kinds[-1] == "goodbye"
    screens.hub.closed(ann.page)
    assert screens.open("ann", resume=Resume(ann.epoch, ann.seq)).kinds == ["snapshot"]


async def test_a_page_that_does_not_read_is_told_to_go_and_nobody_waits() -> None:
    screens = Screens()
    screens.room.agent("ann", 1)
    screens.room.agent("bob", 2)
    slow, bob = screens.open("ann"), screens.open("bob")
    for number in range(OUTBOX + 5):
        reason = "lunch" if number % 2 else "break"
        for name in ("ann", "bob"):
            choice = routing.SetPresence(AgentId(f"a-{name}"), routing.Presence.NOT_READY, reason)
            screens.room.router.submit(choice)
        await turn()
        bob.read()
    assert slow.page.goodbye == "slow"
    assert slow.page.gone.is_set()
    assert len(slow.page.outbox) == 1, "the queue is given up; only the goodbye is left"
    assert bob.slots["me"]["presence"]["reason"] == "break"
    assert bob.page.goodbye == ""


async def test_sign_out_closes_every_page_of_that_session_only() -> None:
    """Signed out at home, the desk at work stays open."""
    screens = Screens()
    screens.room.agent("ann", 1)
    screens.room.agent("bob", 2)
    pages = [
        screens.open("ann"),
        screens.open("ann", LIVE),
        screens.open("ann", LIVE, credential="session-2"),
        screens.open("bob", credential="session-3"),
    ]
    screens.hub.close_credential("session-1")
    assert [one.page.goodbye for one in pages] == ["signed-out", "signed-out", "", ""]


async def test_other_teams_take_effect_on_an_open_page() -> None:
    screens = floor()
    live = screens.supervise("t-north")
    page = live.page
    screens.hub.identified(page, replace(page.principal, team_ids=frozenset({TeamId("t-south")})), {"site": "new"})
    live.read()
    assert {key for key in live.slots if key.startswith("agent:")} == {"agent:a-eve"}
    assert live.slots["settings"] == {"site": "new"}


async def test_who_becomes_another_agent_begins_anew() -> None:
    screens = Screens()
    screens.room.agent("ann")
    page = screens.open("ann").page
    screens.hub.identified(page, replace(page.principal, agent_id=None), {})
    assert page.goodbye == "signed-out"


async def test_the_link_to_the_pbx_is_on_every_desktop_of_its_agents() -> None:
    screens = Screens()
    screens.room.agent("ann")
    screens.room.fact(ports.LinkChanged(SERVER, True, "", screens.room.time.now()))
    await turn()
    ann = screens.open("ann")
    assert ann.slots["me"]["link"] == {"pbx": "up", "reason": ""}
    screens.room.fact(ports.LinkChanged(SERVER, False, "link-lost", screens.room.time.now()))
    await turn()
    await turn()
    assert ann.read().slots["me"]["link"] == {"pbx": "down", "reason": "link-lost"}
    assert not ann.slots["me"]["device"]["usable"]


async def test_a_page_that_opens_between_a_change_and_its_news() -> None:
    """The alert is on its first snapshot; before the turn ends the alert is over: the page is told."""
    screens = Screens()
    screens.room.agent("ann")
    item = screens.room.call()
    ann = screens.open("ann")
    assert f"work:{item.interaction_id}" in ann.slots
    screens.room.alert_ends(screens.room.telephony.alerts[0].reservation_id, ports.AlertFailure.BUSY)
    await turn()
    assert f"work:{item.interaction_id}" not in ann.read().slots


# ------------------------------------------------------------------ the live page


def floor() -> Screens:
    screens = Screens(Room(queues=[queue(), queue(queue_id="q-vip", name="VIP", priority=9)]))
    screens.room.agent("ann", 1, idle=100, team_id=TeamId("t-north"))
    screens.room.agent("eve", 2, idle=50, team_id=TeamId("t-south"))
    return screens


async def test_a_supervisor_sees_his_teams_agents_and_every_line() -> None:
    screens = floor()
    item = screens.room.call(skills={"none": 1})
    north, everybody = screens.supervise("t-north"), screens.supervise(scope="administrator", instance="adm")
    assert {key for key in north.slots if key.startswith("agent:")} == {"agent:a-ann"}
    assert {key for key in everybody.slots if key.startswith("agent:")} == {"agent:a-ann", "agent:a-eve"}
    for page in (north, everybody):
        assert page.slots[f"waiting:{item.interaction_id}"]["place"] == 1
        assert {key for key in page.slots if key.startswith("queue:")} == {"queue:q-support", "queue:q-vip"}
    assert (north.slots["totals"]["ready"], everybody.slots["totals"]["ready"]) == (1, 2)
    nobody = screens.supervise(instance="none")
    assert not [key for key in nobody.slots if key.startswith("agent:")]


async def test_who_waits_counts_the_lines_an_agent_serves_without_what_rings() -> None:
    room = Room()
    room.define(queue(queue_id=QueueId("q-other"), name="Other", skills={SkillId("rare"): 1}))
    room.agent("ann", 1)
    for number, name in enumerate(("Support", "Support", "Other"), start=1):
        room.call(f"17800000{number}.1", queue=name)
    waiting = Screens(room).open("ann").slots["me"]["waiting"]
    assert waiting["count"] == 1, "one rings at Ann, one waits for her, one for somebody else"


async def test_live_pages_follow_at_their_beat() -> None:
    screens = floor()
    live = screens.supervise("t-north", "t-south")
    item = screens.room.call()
    await turn()
    assert live.read().kinds == ["snapshot"], "never in the path of a call"
    await screens.beat()
    live.read()
    assert live.slots["agent:a-ann"]["state"] == "alert"
    assert live.slots[f"waiting:{item.interaction_id}"]["state"] == "alerting"
    screens.room.connect(item)
    await screens.beat()
    live.read()
    assert f"waiting:{item.interaction_id}" not in live.slots
    assert live.slots["agent:a-ann"]["state"] == "talking"
    await screens.beat()
    assert list(live.page.outbox) == [], "nothing changed, nothing is sent"


async def test_an_agent_who_changes_team_leaves_the_page() -> None:
    screens = floor()
    live = screens.supervise("t-north")
    ann = screens.room.picture.agents[AgentId("a-ann")]
    ann.record = replace(ann.record, team_id=TeamId("t-south"))
    await screens.beat()
    assert "agent:a-ann" not in live.read().slots


async def test_without_a_live_page_nothing_is_made_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    screens = floor()
    screens.open("ann")
    made: list[str] = []
    monkeypatch.setattr(hub_module.live, "agent_slot", lambda agent, picture: made.append(agent.agent_id))
    await screens.beat()
    assert made == []


async def test_what_wallboards_share_is_made_in_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    screens = floor()
    live = screens.supervise("t-north", "t-south")
    screens.room.call()
    turns: list[int] = []
    made: list[int] = []
    monkeypatch.setattr(hub_module, "SLICE", 2)
    plain = hub_module.live.agent_slot

    def noting(*given: Any) -> dict[str, Any]:
        made.append(len(turns))
        return plain(*given)

    async def count() -> None:
        while True:
            turns.append(1)
            await asyncio.sleep(0)

    counting = asyncio.ensure_future(count())
    monkeypatch.setattr(hub_module.live, "agent_slot", noting)
    await screens.beat()
    counting.cancel()
    assert len(made) == 2
    assert made[0] >= 1, "two queues and a call came before: the loop turned"
    assert live.read().slots["agent:a-eve"]["state"] == "ready"


async def test_many_wallboards_are_served_in_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    screens = floor()
    pages = [screens.supervise("t-north", instance=f"w{number}") for number in range(60)]
    screens.room.call()
    turns = 0

    async def count(seconds: float) -> None:
        nonlocal turns
        turns += 1

    monkeypatch.setattr(hub_module.asyncio, "sleep", count)
    await screens.beat()
    assert turns == 60 // hub_module.SLICE
    assert all(page.read().kinds[-1] == "changes" for page in pages)


# ------------------------------------------------------------------ snapshot + changes == fresh snapshot


class Story:
    """A random day on a small floor: everything that facts, agents and time may do."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.screens = Screens(Room(seed=seed, queues=[queue(wrap_up_time=self.rng.choice([0.0, 30.0]))]))
        self.room = self.screens.room
        for number, name in enumerate(("ann", "bob"), 1):
            self.room.agent(name, number, idle=10.0 * number)
        self.calls = 0

    def step(self) -> None:
        often = [self.call, self.answer, self.leave, self.wait]
        self.rng.choice([*often, *often, self.fail, self.part, self.choose, self.device, self.link, self.customer])()

    def _items(self, *phases: Phase) -> list[Any]:
        return [one for one in self.room.picture.interactions.values() if one.phase in phases]

    def call(self) -> None:
        self.calls += 1
        item = self.room.arrive(f"1780000000.{self.calls}", name=self.rng.choice(["Ada", "", "<b>"]))
        if self.rng.random() < 0.9:
            self.room.enqueue(item, priority=self.rng.randrange(3))

    def answer(self) -> None:
        for item in self._items(Phase.ALERTING)[:1]:
            self.room.connect(item)

    def fail(self) -> None:
        for item in self._items(Phase.ALERTING)[:1]:
            assert item.alert is not None
            self.room.alert_ends(item.alert.reservation_id, self.rng.choice(list(ports.AlertFailure)))

    def leave(self) -> None:
        for item in self.rng.sample(found := self._items(*Phase), min(1, len(found))):
            self.room.leg_ends(item.leg_id)
            if item.alert is not None:
                self.room.alert_ends(item.alert.reservation_id, ports.AlertFailure.REVOKED)

    def part(self) -> None:
        for item in self._items(Phase.TALKING)[:1]:
            leg = ReservationId(item.segment.segment_id)
            self.room.part(item, leg, first=self.rng.choice([leg, item.leg_id]))
            self.room.leg_ends(leg)

    def choose(self) -> None:
        presence = self.rng.choice(list(routing.Presence))
        name = AgentId(self.rng.choice(["a-ann", "a-bob"]))
        self.room.router.submit(routing.SetPresence(name, presence, "lunch"))

    def device(self) -> None:
        usable = self.rng.random() < 0.7
        state = "NOT_INUSE" if usable else "UNAVAILABLE"
        endpoint = self.rng.choice(["agent-1001", "agent-1002"])
        self.room.fact(ports.DeviceChanged(SERVER, endpoint, usable, state, self.room.time.now()))

    def link(self) -> None:
        up = self.rng.random() < 0.6
        self.room.fact(ports.LinkChanged(SERVER, up, "" if up else "link-lost", self.room.time.now()))

    def wait(self) -> None:
        self.room.time.advance(self.rng.choice([0.1, 3.0, 21.0, 31.0]))

    def customer(self) -> None:
        for item in self._items(*Phase)[-1:]:
            card = {"person": {"name": "Ada", "organisation": None, "vip": True}, "number": "+49 30", "loading": False}
            self.room.assignments.customer_found(item, card, None, 0, self.rng.random() < 0.3, is_news=False)


@pytest.mark.parametrize("seed", range(60))
async def test_an_old_snapshot_and_the_changes_since_are_a_fresh_snapshot(seed: int) -> None:
    story = Story(seed)
    screens, rng = story.screens, story.rng
    opened = rng.randrange(20)
    clients: dict[str, Client] = {}
    for step in range(60):
        if step == opened:
            clients = {name: screens.open(name, instance="old") for name in ("ann", "bob")}
            clients["live"] = screens.supervise("t-north", instance="old")
        story.step()
        if rng.random() < 0.5:
            await turn()
        if rng.random() < 0.3:
            await screens.beat()
        for client in clients.values():
            client.read()
    await turn()
    await turn()
    await screens.beat()
    for name, client in clients.items():
        client.read()
        fresh = screens.supervise("t-north", instance="new") if name == "live" else screens.open(name, instance="new")
        assert client.slots == fresh.slots, name
        assert client.kinds[0] == "snapshot"
        assert set(client.kinds[1:]) <= {"changes"}
    assert screens.room.router.stats.failures == {}


@pytest.mark.parametrize("is_simulated", [False, True])
async def test_a_desktop_knows_whether_the_pbx_is_simulated(is_simulated: bool) -> None:
    screens = Screens()
    screens.room.agent("ann")
    screens.room.picture.is_simulated = is_simulated
    assert screens.open("ann").slots["me"]["device"]["simulated"] is is_simulated


async def test_a_supervisor_sees_what_the_audit_put_right() -> None:
    screens = Screens()
    client = screens.supervise("t-north", scope="administrator")
    of_a_team = screens.supervise("t-north", instance="other")
    at = screens.room.time.now()
    assert client.slots["checks"]["found"] == []
    for number in range(7):
        screens.healed.insert(0, Healed(at, Finding(Code.CALL_GONE, LegId(f"leg-{number}"), ServerId("pbx-1"))))
    await screens.beat()
    found = client.read().slots["checks"]["found"]
    assert [one["about"] for one in found] == [f"leg-{number}" for number in (6, 5, 4, 3, 2)]
    assert found[0]["code"] == "call-gone"
    assert found[0]["server_id"] == "pbx-1"
    assert of_a_team.read().slots["checks"]["found"] == [], "they name calls of all teams"


def test_callers_of_one_moment_stand_as_the_router_serves_them_in_whichever_order_they_are_kept() -> None:
    room = Room()
    calls = [room.call(f"178000000{number}.1") for number in range(3)]
    for item in reversed(calls):
        room.picture.drop(item)
        room.picture.add(item)
    room.picture.interactions = dict(reversed(room.picture.interactions.items()))
    assert room.picture.in_line(QUEUE, room.time.timestamp()) == calls
    room.picture.interactions = dict(reversed(room.picture.interactions.items()))
    assert room.picture.in_line(QUEUE, room.time.timestamp()) == calls
    room.agent("ann")
    assert calls[0].phase is Phase.ALERTING


def test_places_in_line_are_the_routers_also_when_somebody_is_late_or_worth_more() -> None:
    room = Room()
    room.define(replace(queue(), late_after=60.0, value_steps=(ValueStep(1000.0, 2),)))
    calls = [room.call(f"178000000{number}.1") for number in range(4)]
    calls[1].vip, calls[2].value = True, 5000.0
    for item in calls:
        room.assignments.submit_visit(item)

    def by_router() -> list[str]:
        items = [room.engine.items[one.interaction_id] for one in calls]
        return [one.interaction_id for one in sorted(items, key=room.engine.matching.waiting.ahead_of)]

    def shown() -> list[str]:
        return [one.interaction_id for one in room.picture.in_line(QUEUE, room.time.timestamp())]

    on_time = [calls[number].interaction_id for number in (1, 2, 0, 3)]
    assert shown() == by_router() == on_time
    room.time.advance(61.0)
    room.router.submit(routing.Tick())
    assert shown() == by_router() == [calls[number].interaction_id for number in (1, 0, 2, 3)]


async def test_what_is_wrong_with_the_site_comes_and_goes_on_live_pages_though_no_call_does() -> None:
    screens = Screens()
    live = screens.supervise(scope="administrator")
    for degraded in ([{"code": "bus-away"}], []):
        await screens.hub.look_live()
        live.read()
        screens.degraded = degraded
        await screens.hub.look_live()
        assert live.read().slots["totals"]["degraded"] == degraded
    frames = len(live.kinds)
    await screens.hub.look_live()
    assert len(live.read().kinds) == frames

"""Several PBXs in one picture: keys, who can be rung for whom, what the loss of one or of a trunk means."""

from dataclasses import replace

import pytest

from contactcenter.core.ids import LegId, ReservationId, ServerId
from contactcenter.interactions import audit, ports
from contactcenter.interactions.live import Link
from contactcenter.interactions.model import EndedBy, Phase
from contactcenter.interactions.ports import AlertFailure
from routing.why import explain_waiting
from tests.fakes.room import SERVER, Room, record

OTHER = ServerId("pbx-2")
LEG = LegId("1780000000.1")


class Site(Room):
    """Agents ``ann`` on SERVER, ``bob`` on OTHER; everything is up."""

    def __init__(self) -> None:
        super().__init__()
        self.picture.links |= {one: Link(one) for one in (SERVER, OTHER)}
        for one in (SERVER, OTHER):
            self.link(one, up=True)
        self.trunk(SERVER, OTHER, usable=True)
        self.trunk(OTHER, SERVER, usable=True)

    def link(self, server: ServerId, *, up: bool) -> None:
        self.fact(ports.LinkChanged(server, up, "" if up else "link-lost", self.time.now()))

    def trunk(self, server: ServerId, to: ServerId, *, usable: bool) -> None:
        self.fact(ports.TrunkChanged(server, to, usable, self.time.now()))

    def ann(self) -> None:
        self.agent("ann", 1)
        self.link(SERVER, up=True)

    def bob(self) -> None:
        one = record("bob", 2)
        self.take(replace(one, device=replace(one.device, server_id=OTHER)), usable=False)
        self.usable()
        self.link(OTHER, up=True)

    def usable(self) -> None:
        self.fact(ports.DeviceChanged(OTHER, "agent-1002", True, "NOT_INUSE", self.time.now()))

    def reason(self, item) -> list[dict]:
        return explain_waiting(self.engine, item.interaction_id, self.time.timestamp())["passed"]


@pytest.fixture
def site() -> Site:
    return Site()


def test_one_uniqueid_on_two_servers_is_two_calls(site: Site) -> None:
    near = site.arrive(LEG)
    site.fact(ports.CallArrived(OTHER, LEG, LEG, "+4930901821", "Ben", "1000", site.time.now()))
    far = site.picture.find_by_leg(OTHER, LEG)
    assert far is not None
    assert far is not near
    site.fact(ports.LegEnded(OTHER, LEG, 16, site.time.now()))
    assert (near.phase, far.phase) == (Phase.FLOW, Phase.ENDED)
    assert site.picture.find_by_leg(SERVER, LEG) is near


def test_an_agent_of_another_server_is_alerted_on_the_callers(site: Site) -> None:
    site.bob()
    site.call(LEG)
    (order,) = site.telephony.alerts
    assert (order.server_id, order.device.server_id) == (SERVER, OTHER)


def test_without_a_trunk_a_caller_waits_for_his_own_server_and_why_says_so(site: Site) -> None:
    site.trunk(SERVER, OTHER, usable=False)
    site.bob()
    item = site.call(LEG)
    assert site.telephony.alerts == []
    assert [(one["reason"], one["server"]) for one in site.reason(item)] == [("server", SERVER)]
    site.ann()
    assert [one.device.agent_id for one in site.telephony.alerts] == ["a-ann"]


def test_the_trunk_is_back_and_the_caller_who_waited_for_it_rings(site: Site) -> None:
    site.trunk(SERVER, OTHER, usable=False)
    site.bob()
    site.call(LEG)
    site.trunk(SERVER, OTHER, usable=True)
    assert len(site.telephony.alerts) == 1


def test_callers_of_a_lost_server_are_offered_to_nobody_until_it_is_back(site: Site) -> None:
    """Their server cannot be told to ring anybody: each try would only take an agent from those who can be served."""
    item = site.call(LEG)
    site.link(SERVER, up=False)
    site.bob()
    assert site.telephony.alerts == []
    site.fact(ports.CallArrived(OTHER, LegId("1780000000.9"), "x", "+4930901822", "Eve", "1000", site.time.now()))
    site.assignments.enqueue(OTHER, LegId("1780000000.9"), ports.EnqueueOrder("Support"))
    assert [one.server_id for one in site.telephony.alerts] == [OTHER], "the other server's are served"
    assert item.phase is Phase.WAITING


def test_agents_of_a_lost_server_are_not_usable_and_the_reason_is_named(site: Site) -> None:
    site.ann()
    site.bob()
    site.link(OTHER, up=False)
    usable = {one.agent_id: (one.device_usable, one.device_reason) for one in site.picture.agents.values()}
    assert usable == {"a-ann": (True, ""), "a-bob": (False, "pbx")}


def test_an_alert_that_did_not_get_through_is_nobodys_fault(site: Site) -> None:
    site.bob()
    item = site.call(LEG)
    assert item.alert is not None
    site.trunk(SERVER, OTHER, usable=False)
    site.alert_ends(item.alert.reservation_id, AlertFailure.SERVER)
    assert site.picture.agents[item.alert.agent_id if item.alert else "a-bob"].presence == "ready"  # type: ignore[index]
    assert len(site.telephony.alerts) == 1, "and it is not tried again while the trunk is down"


def talk(site: Site):
    site.bob()
    item = site.call(LEG)
    return item, site.connect(item)


def test_a_server_that_nobody_reaches_ends_its_agents_conversations(site: Site) -> None:
    item, leg = talk(site)
    site.link(OTHER, up=False)
    assert item.phase is Phase.TALKING, "its AMI may be gone while people talk"
    site.trunk(SERVER, OTHER, usable=False)
    assert item.segment is not None
    assert (item.phase, item.segment.ended_by) == (Phase.LEAVING, EndedBy.SYSTEM)
    assert ("hang-up", leg) in site.telephony.acts


def test_a_trunk_that_stops_answering_alone_ends_nothing(site: Site) -> None:
    item, _ = talk(site)
    site.trunk(SERVER, OTHER, usable=False)
    assert item.phase is Phase.TALKING


@pytest.mark.parametrize("is_linked", [True, False])
def test_the_end_at_the_far_side_counts_when_the_callers_server_cannot_tell(site: Site, is_linked: bool) -> None:
    item, leg = talk(site)
    site.link(SERVER, up=is_linked)
    site.fact(ports.FarLegEnded(OTHER, ReservationId(leg), site.time.now()))
    assert item.phase is (Phase.TALKING if is_linked else Phase.LEAVING)
    assert site.work_of("bob") == ("handling" if is_linked else "wrap-up")


def far(leg: str, **more: object) -> ports.LiveLeg:
    given = {"endpoint": "to-pbx-1", "place": ports.CallerPlace.OTHER, "is_customer": False, "is_up": True, **more}
    return ports.LiveLeg(
        LegId("pbx-2-1.1"), "x", caller_number="", caller_name="", dialed="agent-1002", peer=LegId("pbx-2-1.2"),
        started_at=Site().time.now(), serves=ReservationId(leg), **given,
    )  # type: ignore[arg-type]  # fmt: skip


def test_the_leg_at_the_far_side_of_a_conversation_is_no_finding_one_that_is_over_is(site: Site) -> None:
    item, leg = talk(site)
    assert audit.of_pbx(site.picture, OTHER, [far(leg)]) == set()
    site.leg_ends(item.leg_id)
    found = audit.of_pbx(site.picture, OTHER, [far(leg)])
    assert [(one.code, one.about) for one in found] == [(audit.Code.FAR_LEG_FOR_NOBODY, "pbx-2-1.1")]
    site.link(SERVER, up=False)
    assert audit.of_pbx(site.picture, OTHER, [far("r" * 26)]) == set(), "whose it is only a lost server knows"


def test_one_server_has_no_such_skills() -> None:
    room = Room()
    room.agent("ann", 1)
    room.fact(ports.LinkChanged(SERVER, up=True, reason="", at=room.time.now()))
    item = room.call(LEG)
    assert len(room.telephony.alerts) == 1
    assert room.engine.items[item.interaction_id].needs.skills == ()

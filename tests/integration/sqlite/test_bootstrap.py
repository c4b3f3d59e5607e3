"""What reaches across rooms, in the program as it is put together; only the PBX and the pages' server are missing."""

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from agent_ui.hub import DESKTOP, Page
from agent_ui.protocol import Hello
from contactcenter import bootstrap, rooms
from contactcenter.agents.model import DeviceMode, PresenceState
from contactcenter.agents.service import NewAgent
from contactcenter.bootstrap import ContactCenter
from contactcenter.core.errors import NotFound, Unavailable
from contactcenter.core.ids import InteractionId, LegId, ReservationId, ServerId, VisitId
from contactcenter.core.permissions import SYSTEM, Principal, Right
from contactcenter.interactions.live import LiveAgent
from contactcenter.interactions.model import AgentConnected, InteractionQueued, VisitAbandoned
from contactcenter.interactions.ports import CallArrived
from contactcenter.settings import ServerOptions, Settings
from contactcenter.users.passwords import Passwords
from tests.rig.rooms import FAST
from tests.rig.tables import make_tables

PASSWORD = "correct horse"


class Floor:
    """One agent, ready, signed in at two places, with a desk open at the first."""

    def __init__(self, center: ContactCenter) -> None:
        self.center = center
        self.ann: Principal
        self.live: LiveAgent

    async def begin(self) -> None:
        rooms, read = self.center.rooms, self.center.base.database.read
        user = await rooms.users.create_user(SYSTEM, "ann", "Ann", "administrator", PASSWORD)
        await rooms.agents.create_agent(SYSTEM, NewAgent(user.user_id, "Ann", "1001"))
        (record,) = await read(rooms.agents.load_all)
        await self.center.reloading.apply()
        self.live = self.center.picture.agents[record.agent_id]
        ann = await read(lambda c: rooms.principals.principal(c, user.user_id))
        assert ann is not None
        self.ann = ann
        await rooms.agents.set_presence(ann, record.agent_id, PresenceState.READY)

    async def sign_in(self) -> str:
        return (await self.center.rooms.users.sign_in("ann", PASSWORD, address="127.0.0.1")).session_id

    def open(self, credential: str) -> Page:
        return self.center.hub.open(self.ann, Hello(DESKTOP, credential), {}, credential)

    async def settle(self) -> None:
        """Until the tasks that events began are done."""
        while under_way := self.center.base.tasks.under_way:
            await asyncio.wait(under_way)
        await self.center.base.database.flush()


@pytest.fixture
async def floor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Floor]:
    monkeypatch.setattr(bootstrap, "find_speaker", lambda: None)  # nobody listens to the prompts
    monkeypatch.setattr(rooms, "Passwords", lambda: Passwords(FAST))
    center = ContactCenter(Settings(data=tmp_path))
    make_tables(center.base.database.engine)
    await center.base.database.open()
    center._build()
    made = Floor(center)
    await made.begin()
    yield made
    await center.stop()


async def test_the_last_sign_out_takes_the_agent_off_the_line(floor: Floor) -> None:
    first, second = await floor.sign_in(), await floor.sign_in()
    desk = floor.open(first)
    await floor.center.rooms.users.sign_out(floor.ann, second)
    await floor.settle()
    assert (floor.live.presence, desk.goodbye) == ("ready", ""), "he still works at the other place"
    await floor.center.rooms.users.sign_out(floor.ann, first)
    await floor.settle()
    assert (floor.live.presence, desk.goodbye) == ("offline", "signed-out")


async def test_a_conversation_over_a_nailed_leg_outlives_the_sign_out(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Offline lets the leg go, and the customer with it: that waits until they have parted."""
    nailed = replace(floor.live.record.device, mode=DeviceMode.NAILED)
    floor.live.record, floor.live.work = replace(floor.live.record, device=nailed), "handling"
    waited: list[str] = []

    async def parted(seconds: float) -> None:
        waited.append(floor.live.presence)
        floor.live.work = "wrap-up"

    session = await floor.sign_in()
    monkeypatch.setattr(bootstrap.asyncio, "sleep", parted)
    await floor.center.rooms.users.sign_out(floor.ann, session)
    await floor.settle()
    assert (waited, floor.live.presence) == (["ready"], "offline")


async def test_a_revoked_token_closes_its_own_pages(floor: Floor) -> None:
    users = floor.center.rooms.users
    token, _ = await users.create_token(floor.ann, "wallboard", frozenset({Right.DESK}))
    other, _ = await users.create_token(floor.ann, "other", frozenset({Right.DESK}))
    await users.revoke_token(floor.ann, other.token_id)
    page = floor.open(token.token_id)
    assert page.goodbye == ""
    await users.revoke_token(floor.ann, token.token_id)
    assert page.goodbye == "signed-out"
    await floor.settle()
    assert floor.live.presence == "ready", "no session of his ended"


async def test_a_customer_changed_over_the_api_changes_the_open_cards(floor: Floor, monkeypatch: Any) -> None:
    asked: list[str] = []

    async def refresh(person_id: str) -> None:
        asked.append(person_id)

    monkeypatch.setattr(floor.center.interactions, "refresh_cards_of", refresh)
    customers = floor.center.rooms.customers
    person = await customers.create_person(SYSTEM, {"name": "Ada"})
    await customers.update_person(SYSTEM, person.person_id, {"name": "Ada King"})
    await floor.settle()
    assert asked == [person.person_id]


async def test_a_ticket_of_an_interaction_that_is_none(floor: Floor) -> None:
    with pytest.raises(NotFound):
        await floor.center.rooms.tickets.open_ticket(floor.ann, "VPN drops", interaction_id="nothing")


async def test_a_call_of_a_pbx_that_is_no_longer_configured_is_ended_at_the_start(floor: Floor) -> None:
    center = floor.center
    arrived = center.base.clock.now() - timedelta(days=3)
    place = {"ami": "192.0.2.2:5038", "sip": "192.0.2.2:5060"}
    further = ServerOptions(server_id="further", ami_secret=SecretStr("x" * 20), agi_port=4574, **place)
    center.base.settings.servers = (further,)
    for server in ("former", "further", center.server_id):
        arrival = CallArrived(ServerId(server), LegId("1.1"), "1.1", "+4930", "", "1000", arrived)
        center.assignments.call_arrived(arrival)
    await floor.settle()
    center.picture.interactions.clear()
    await center._load()
    assert {one.server_id for one in center.picture.interactions.values()} == {"further", center.server_id}
    assert b"contactcenter_recovery_unconfigured 1.0" in center.operation.metrics()


async def test_a_call_told_late_counts_when_it_happened(floor: Floor) -> None:
    """The figures of today and of the last minutes, of calls that came and went while the server was away."""
    center = floor.center
    queue = await center.rooms.queues.create_queue(SYSTEM, {"name": "Support"})
    await center.reloading.apply()
    now = center.base.clock.now()
    center.figures.roll(now - timedelta(hours=2))
    figures, announce = center.figures.of(queue.queue_id), center.base.publisher.announce
    for ago, offered in ((timedelta(hours=3), 0), (timedelta(hours=1), 1)):
        at, one, visit = now - ago, InteractionId(f"i-{offered}"), VisitId(f"v-{offered}")
        announce(InteractionQueued(one, visit, queue.queue_id, 0, {}, at - timedelta(seconds=30)))
        ids = (one, visit, ReservationId(f"s-{offered}"), floor.live.agent_id, queue.queue_id)
        announce(AgentConnected(*ids, 30.0, at))
        announce(VisitAbandoned(one, visit, queue.queue_id, 30.0, at))
        assert (figures.offered, figures.answered, figures.abandoned) == (offered, offered, offered)
    assert figures.service_level_recent(now) is None


async def test_a_choice_of_presence_is_kept_when_it_is_answered(floor: Floor) -> None:
    """Nothing can tell it again after a kill, unlike a call, which Asterisk knows."""
    agents, agent_id = floor.center.rooms.agents, floor.live.agent_id
    await agents.set_presence(floor.ann, agent_id, PresenceState.OFFLINE)
    await agents.set_presence(floor.ann, agent_id, PresenceState.READY)
    with contextlib.closing(sqlite3.connect(floor.center.base.settings.database_file)) as outside:
        (found,) = outside.execute("SELECT state FROM presence WHERE agent_id = ?", [agent_id]).fetchall()
    assert found == ("ready",)


async def test_a_choice_of_presence_holds_while_the_store_refuses(floor: Floor) -> None:
    database = floor.center.base.database

    async def refused() -> None:
        raise Unavailable("store-unavailable")

    database.flush = refused  # type: ignore[method-assign]
    await floor.center.rooms.agents.set_presence(floor.ann, floor.live.agent_id, PresenceState.OFFLINE)
    assert floor.live.presence == "offline"
    del database.flush


async def test_phone_lines_end_before_the_server_waits_for_its_requests(floor: Floor) -> None:
    done: list[str] = []

    class Runner:
        async def cleanup(self) -> None:
            done.append("requests")

    async def close() -> None:
        done.append("lines")

    floor.center.front._runner = Runner()  # type: ignore[assignment]
    floor.center.front.phone_lines.close = close  # type: ignore[method-assign]
    await floor.center.stop()
    assert done == ["lines", "requests"]
    floor.center.front._runner = None

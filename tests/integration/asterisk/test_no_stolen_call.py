"""Two legs for one caller on a real Asterisk, 50 times each: nobody is pulled out of a conversation.

Everything of ours is real: telephony, assignments, router. The first agent's phone answers around his deadline, the
second one's at once; each round's deadline differs by some milliseconds, so the race falls on both sides.
"""

import asyncio
import contextlib
import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from contactcenter.core.ids import AgentId, LegId, ServerId
from contactcenter.interactions import ports
from contactcenter.interactions.model import Interaction, Phase
from cti import dialplan_names as names
from routing import commands as routing
from tests.fakes.room import Room, queue, record
from tests.integration.asterisk.ami_line import AmiLine
from tests.integration.asterisk.conftest import Pbx, ScriptedAgi
from tests.integration.asterisk.telephony_line import RealTime, TelephonyLine, telephony_line
from tests.integration.asterisk.test_dialplan import waiting_caller
from tests.rig.ports import free_ports
from tests.rig.scenarios import Answers
from tests.rig.sipp import desk_phones

TRIALS = 50
LIMIT = 0.5  # seconds a trial may take at the median
PHONES = {
    "agent-2001": Answers(after=0.1),
    "agent-2002": Answers(after=0.0),
    "agent-2003": Answers(after=0.2),
    "agent-2004": Answers(after=0.02),
}


class Race:
    """One caller, two agents, the real room on the real PBX; one trial after the other with the same caller."""

    def __init__(self, line: TelephonyLine, ami: AmiLine, endpoints: tuple[str, str]) -> None:
        self.line, self.ami = line, ami
        self.room = Room(time=RealTime(), telephony=line.site, queues=[queue(wrap_up_time=0.0)])
        line.listener = self.room.fact
        self.names = ("first", "second")
        for name, endpoint in zip(self.names, endpoints, strict=True):
            self._agent(name, endpoint, line.server_id)
        self.winners: Counter[str] = Counter()

    def _agent(self, name: str, endpoint: str, server_id: ServerId) -> None:
        one = record(name)
        live = self.room.take(
            replace(one, device=replace(one.device, server_id=server_id, endpoint=endpoint)), usable=False
        )
        self.room.fact(ports.DeviceChanged(server_id, live.device.endpoint, True, "NOT_INUSE", self.room.time.now()))

    def _ready(self) -> None:
        """The first agent has been idle longer."""
        for name in self.names:
            for presence in (routing.Presence.NOT_READY, routing.Presence.READY):
                self.room.router.submit(routing.SetPresence(AgentId(f"a-{name}"), presence, "break"))

    async def trial(self, item: Interaction, ring_time: float) -> None:
        room, caller = self.room, item.leg_id
        room.define(queue(wrap_up_time=0.0, ring_time=ring_time))
        self._ready()
        start = len(self.ami.events)
        room.assignments.enqueue(item.server_id, caller, ports.EnqueueOrder("Support"))
        await self._until(lambda: self._is_connected(item))
        await asyncio.sleep(0.03)  # a leg that is still about to come comes now
        leg = await self._check_one_conversation(item, start)
        self.line.site.hang_up(item.server_id, LegId(leg))
        await self._until(lambda: item.phase is Phase.LEAVING)
        await self.ami.event("BridgeLeave", after=start, Uniqueid=caller)  # behind the agent's own
        await self.ami.wait_place(caller, names.HOLD, "MusicOnHold")
        moves = [one["Event"] for one in self._events(start) if one["Uniqueid"] == caller]
        assert moves == ["BridgeEnter", "BridgeLeave"], "in and out once, by the end of the conversation"
        assert [room.work_of(name) for name in self.names] == ["idle", "idle"]

    def _is_connected(self, item: Interaction) -> bool:
        """On a machine so busy that both were too late the round begins again."""
        if item.phase is Phase.WAITING and not self.line.pbx.alerts:
            self._ready()
        return item.phase is Phase.TALKING and not self.line.pbx.alerts

    def _events(self, start: int) -> list[dict[str, str]]:
        return [one for one in self.ami.events[start:] if one.get("Event") in ("BridgeEnter", "BridgeLeave")]

    @staticmethod
    def _told(event: dict[str, str]) -> str:
        wanted = ("Timestamp", "Event", "Uniqueid", "Channel", "Cause", "Reason", "Variable", "Value", "UserEvent")
        return " ".join(event[name] for name in wanted if name in event)

    async def _until(self, condition: Any) -> None:
        async with asyncio.timeout(20):
            while not condition():
                await asyncio.sleep(0.002)

    async def _check_one_conversation(self, item: Interaction, start: int) -> str:
        left = [one for one in self._events(start) if one["Event"] == "BridgeLeave"]
        assert not left, "\n".join([str(item), *(self._told(one) for one in self.ami.events[start:])])
        assert item.segment is not None
        leg = item.segment.segment_id
        up = {one["Uniqueid"]: one for one in await self.ami.channels()}
        agents = [one for one in up.values() if one["Channel"].startswith("PJSIP/agent-")]
        assert [one["Uniqueid"] for one in agents] == [leg], "one agent's leg and no other"
        assert up[leg]["BridgeId"]
        assert up[leg]["BridgeId"] == up[item.leg_id]["BridgeId"]
        name = item.segment.agent_id.removeprefix("a-")
        other = {"first": "second", "second": "first"}[name]
        assert (self.room.work_of(name), self.room.work_of(other)) == ("handling", "idle")
        self.winners[name] += 1
        return str(leg)


@contextlib.asynccontextmanager
async def race(pbx: Pbx, ami: AmiLine, folder: Path, endpoints: tuple[str, str]) -> AsyncIterator[Race]:
    async with (
        desk_phones(folder / "phones", PHONES, port=pbx.peer_port, media_port=free_ports(8)),
        telephony_line(pbx) as line,
    ):
        yield Race(line, ami, endpoints)


async def run(
    pbx: Pbx, ami: AmiLine, folder: Path, endpoints: tuple[str, str], ring_times: tuple[float, float]
) -> Race:
    rng = random.Random(7)
    async with race(pbx, ami, folder, endpoints) as one:
        caller = await waiting_caller(ami)
        await one.line.find(ports.CallArrived, leg_id=caller)
        item = one.room.picture.find_by_leg(one.line.server_id, LegId(caller))
        assert item is not None
        times = []
        for _ in range(TRIALS):
            began = time.monotonic()
            await one.trial(item, rng.uniform(*ring_times))
            times.append(time.monotonic() - began)
        await ami.send("Hangup", Channel=caller)
        await one._until(lambda: not one.room.picture.interactions)
        assert one.room.engine.items == {}
        assert one.room.assignments.illegal_steps == 0
        assert one.room.router.stats.failures == {}
        assert sorted(times)[TRIALS // 2] < LIMIT, sorted(times)[TRIALS // 2]
        print(f"winners {dict(one.winners)}, median {sorted(times)[TRIALS // 2]:.3f} s")
        return one


async def test_two_legs_answer_in_the_same_moment(pbx: Pbx, ami: AmiLine, agi: ScriptedAgi, tmp_path: Path) -> None:
    one = await run(pbx, ami, tmp_path, ("agent-2001", "agent-2002"), (0.095, 0.135))
    assert min(one.winners["first"], one.winners["second"]) > 0, "the race fell on both sides"


async def test_a_leg_answers_after_its_deadline(pbx: Pbx, ami: AmiLine, agi: ScriptedAgi, tmp_path: Path) -> None:
    one = await run(pbx, ami, tmp_path, ("agent-2003", "agent-2004"), (0.13, 0.21))
    assert one.winners["second"] > 0

"""Audits for ever, heals what two audits in a row have found, and tells both as an event and to those who watch.

Healing is asking again: the PBX for its whole picture (recovery takes the difference), the router to take or let go of
what the picture says. Only a caller who is left on the line long after everything is over is hung up.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping
from typing import Final, TypeVar

import structlog

from contactcenter.core.clock import Clock
from contactcenter.core.database import Database
from contactcenter.core.ids import AgentId, InteractionId, LegId, ServerId
from contactcenter.core.publisher import Publisher
from contactcenter.interactions import audit, model, ports, store
from contactcenter.interactions.assignments import Assignments
from contactcenter.interactions.audit import Audits, Code, Finding, Healed, IdleRound, Strikes
from contactcenter.interactions.recovery import Recovery
from routing import commands as routing
from routing.engine import Engine

log = structlog.get_logger(__name__)
T = TypeVar("T")

INTERVAL: Final = 20.0  # seconds
_OURS, _ROWS = "ours", "rows"


class Auditor:
    """One for a site; ``audits`` is what it made known."""

    def __init__(
        self,
        assignments: Assignments,
        recovery: Recovery,
        engine: Engine,
        database: Database,
        publisher: Publisher,
        clock: Clock,
    ) -> None:
        self.audits = Audits()
        self.confirmed = 0
        self.failures = 0
        """Findings whose healing raised: a fault of ours, logged; the others were healed all the same."""
        self._assignments = assignments
        self._picture = assignments.picture
        self._recovery = recovery
        self._engine = engine
        self._database = database
        self._publisher = publisher
        self._clock = clock
        self._strikes: dict[str, Strikes] = {}
        self._idle = IdleRound()
        self._heal: Mapping[Code, Callable[[Finding], None]] = {
            Code.CALL_GONE: self._resync,
            Code.CALL_UNKNOWN: self._resync,
            Code.TALK_UNKNOWN: self._resync,
            Code.TALK_OVER: self._resync,
            Code.CALLER_ASTRAY: self._resync,
            Code.LEG_FOR_NOBODY: self._resync,
            Code.FAR_LEG_FOR_NOBODY: self._hang_up_leg,
            Code.NOT_IN_LINE: self._put_in_line,
            Code.AGENT_LEFT_IDLE: self._look_for_work,
            Code.IN_LINE_FOR_NOBODY: self._withdraw,
            Code.WORK_FOR_NOBODY: self._end_work,
            Code.TOO_LONG_IN_FLOW: self._hang_up,
            Code.TOO_LONG_LEAVING: self._hang_up,
            Code.TOO_LONG_ALERTING: self._revoke,
            Code.TOO_LONG_IN_WRAP_UP: self._end_wrap_up,
            Code.ROW_LEFT_OPEN: lambda finding: None,  # read and taken up all together
        }
        self._asked: set[ServerId] = set()  # whole pictures wanted by this round of healing
        assignments.on_seen = self.seen

    async def keep(self) -> None:
        """Audit for ever."""
        while True:
            await asyncio.sleep(INTERVAL)
            await self.audit()

    async def audit(self) -> None:
        """Look once. What a PBX shows comes back as ``ports.Seen``, in the order of its events."""
        now = self._clock.now()
        self._judge(
            _OURS, audit.of_router(self._picture, self._engine, now, self._idle) | audit.of_ages(self._picture, now)
        )
        await self._audit_rows()
        for link in list(self._picture.links.values()):
            if link.up:
                self._assignments.telephony.look(link.server_id)
        self.audits.at = now

    def seen(self, fact: ports.Seen) -> None:
        """Compare with what a PBX shows."""
        self._judge(f"pbx:{fact.server_id}", audit.of_pbx(self._picture, fact.server_id, fact.legs))

    async def _audit_rows(self) -> None:
        if self._database.degraded:
            return
        await self._database.flush()
        rows = await self._database.read(store.open_rows)
        # What ended while we read is closed in the picture and not yet in what was read: the second strike tells.
        lost = self._judge(_ROWS, audit.of_rows(self._picture, [InteractionId(row.id) for row in rows]))
        if lost:
            servers = {ServerId(row.server_id) for row in rows if row.id in {one.about for one in lost}}
            ids = [one.about for one in lost]
            items = await self._database.read(lambda connection: self._recovery.load(connection, ids))
            for item in items:
                if item.interaction_id not in self._picture.interactions:
                    self._guarded(Code.ROW_LEFT_OPEN, item.interaction_id, self._recovery.take_up, [item])
            for server_id in servers:
                self._guarded(Code.ROW_LEFT_OPEN, server_id, self._assignments.telephony.resync, server_id)

    def _judge(self, part: str, found: Collection[Finding]) -> list[Finding]:
        confirmed = self._strikes.setdefault(part, Strikes()).count(found)
        for finding in confirmed:
            self.confirmed += 1
            self.audits.last.appendleft(Healed(self._clock.now(), finding))
            log.warning("audit-finding", code=finding.code, about=finding.about, server=finding.server_id)
            self._publisher.announce(
                model.AuditFinding(finding.code.value, finding.about, finding.server_id or "", finding.agent_id or "")
            )
            self._guarded(finding.code, finding.about, self._heal[finding.code], finding)
        asked, self._asked = self._asked, set()
        for server_id in asked:
            self._guarded("resync", server_id, self._assignments.telephony.resync, server_id)
        return confirmed

    def _guarded(self, code: str, about: str, heal: Callable[[T], None], what: T) -> None:
        """One that cannot be healed keeps no other from it."""
        try:
            heal(what)
        except Exception as error:
            self.failures += 1
            log.error("healing-failed", code=code, about=about, exc_info=error)

    # ------------------------------------------------------------ healing

    def _resync(self, finding: Finding) -> None:
        if finding.server_id is not None:
            self._asked.add(finding.server_id)

    def _hang_up_leg(self, finding: Finding) -> None:
        if finding.server_id is not None:
            self._assignments.telephony.hang_up(finding.server_id, LegId(finding.about))

    def _put_in_line(self, finding: Finding) -> None:
        item = self._picture.interactions.get(InteractionId(finding.about))
        if item is not None and item.phase is model.Phase.WAITING and item.visit is not None:
            self._assignments.submit_visit(item)

    def _look_for_work(self, finding: Finding) -> None:
        """A change that changes nothing makes the router look for work for the agent."""
        if finding.agent_id is not None:
            self._assignments.router.submit(routing.UpdateAgent(finding.agent_id))

    def _withdraw(self, finding: Finding) -> None:
        self._assignments.router.submit(routing.Withdraw(InteractionId(finding.about)))

    def _end_work(self, finding: Finding) -> None:
        """Let the agent go, by the steps his work has left."""
        interaction_id, agent = InteractionId(finding.about), self._engine.agents[finding.agent_id or AgentId("")]
        work, submit = agent.assignments.get(interaction_id), self._assignments.router.submit
        if work is None:
            return  # healed along with another finding
        if work.reservation_id is not None and work.state in (routing.Work.RESERVED, routing.Work.REVOKING):
            submit(routing.Withdraw(interaction_id))
            submit(routing.Reject(work.reservation_id, "failed", penalise=False))
            return
        if work.state is routing.Work.HANDLING:
            submit(routing.Finish(interaction_id, agent.id))
        if interaction_id in agent.assignments:
            submit(routing.EndWrapUp(agent.id, interaction_id))

    def _revoke(self, finding: Finding) -> None:
        """Also an alert that nobody knows any more is told to be over by this."""
        item = self._picture.interactions.get(InteractionId(finding.about))
        if item is not None and item.alert is not None:
            self._assignments.telephony.revoke(item.alert.reservation_id)

    def _hang_up(self, finding: Finding) -> None:
        item = self._picture.interactions.get(InteractionId(finding.about))
        if item is not None and item.server_id in self._picture.links:
            self._assignments.telephony.hang_up(item.server_id, item.leg_id)

    def _end_wrap_up(self, finding: Finding) -> None:
        item = self._picture.interactions.get(InteractionId(finding.about))
        agent_id = finding.agent_id
        if item is None or agent_id is None:
            return
        agent = self._engine.agents.get(agent_id)
        if agent is not None and item.interaction_id in agent.assignments:
            self._assignments.router.submit(routing.EndWrapUp(agent_id, item.interaction_id))
        else:
            self._assignments.close_segment(item.interaction_id, agent_id, "audit")

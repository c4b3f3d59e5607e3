"""Customers on hold: one Redirect parts both legs, another one sends the agent's through the guard again.

The customer goes to where anybody goes whose conversation is over, and ``/next`` lets him wait on with music; the
agent's leg is parked. Its variables and the caller's stay those of its reservation, so ``cc-bridge`` brings the two
together again.
"""

import asyncio

import structlog

from contactcenter.core.errors import ActionFailed
from contactcenter.core.ids import LegId, ServerId
from contactcenter.interactions import ports
from cti import dialplan_names as names
from cti.acts import Acts
from cti.ami import Message
from cti.calls import Calls

log = structlog.get_logger(__name__)


def _goes_on(caller_leg: LegId) -> dict[str, str]:
    """Return where a caller is sent whose conversation is over, or stands still: ``/next`` tells him to wait."""
    return {
        "ExtraChannel": caller_leg,
        "ExtraContext": names.HOLD,
        "ExtraExten": "s",
        "ExtraPriority": names.LABEL_NEXT,
    }


class Holds:
    """Of one PBX. Knows which conversations are being parted by us, not by somebody who hung up."""

    _acts: Acts

    def __init__(self, server_id: ServerId, calls: Calls) -> None:
        self._server_id = server_id
        self._calls = calls
        self._asked: set[LegId] = set()  # agents' legs, by the reservations they serve
        self._to_end: dict[LegId, tuple[LegId, ports.Device]] = {}  # of those whose customer is to wait for another

    def bind(self, acts: Acts) -> None:
        """Give the way acts on channels go."""
        self._acts = acts

    def hold(self, caller_leg: LegId, agent_leg: LegId) -> None:
        """See ports.Telephony."""
        leg_id = self._calls.leg_behind(agent_leg)
        if agent_leg in self._asked or self._calls.customer_beside(leg_id) != caller_leg:
            return
        self._asked.add(agent_leg)
        parked = {"Channel": leg_id, "Context": names.PARK, "Exten": "s", "Priority": "1"}
        is_sent = self._acts.send(
            "Redirect",
            parked | _goes_on(caller_leg),
            lambda future: self._answered(agent_leg, future),
            lambda: agent_leg in self._asked,
        )
        if not is_sent:
            self._asked.discard(agent_leg)

    def retrieve(self, agent_leg: LegId, device: ports.Device) -> None:
        """See ports.Telephony. The extension of a leg over the trunk tells whose it is (``dialplan_names``)."""
        fields = self._of_bridge(agent_leg, device, "1")
        self._acts.send("Redirect", fields, lambda future: self._answered(agent_leg, future))

    def let_wait(self, caller_leg: LegId, agent_leg: LegId, device: ports.Device) -> None:
        """See ports.Telephony. While a hold parts the two already, Asterisk would lose a second Redirect of the leg."""
        if agent_leg in self._asked:
            self._to_end[agent_leg] = caller_leg, device
            return
        leg_id = self._calls.leg_behind(agent_leg)
        self._acts.send(
            "Redirect",
            self._of_bridge(agent_leg, device, names.LABEL_OVER) | _goes_on(caller_leg),
            lambda future: self._answered(agent_leg, future),
            lambda: self._calls.customer_beside(leg_id) == caller_leg,  # later it would take him from the next agent
        )

    def _of_bridge(self, agent_leg: LegId, device: ports.Device, priority: str) -> dict[str, str]:
        exten = "s" if device.server_id == self._server_id else device.endpoint.removeprefix(names.AGENT_PREFIX)
        leg_id = self._calls.leg_behind(agent_leg)
        return {"Channel": leg_id, "Context": names.BRIDGE, "Exten": exten, "Priority": priority}

    def ends(self, agent_leg: LegId) -> None:
        """The conversation is being ended: a hold of it that is under way is none any more."""
        self._asked.discard(agent_leg)

    def told(self, fact: ports.LegsParted) -> ports.LegsParted | ports.LegsHeld:
        """Return what it means that two were parted: by us, they are on hold."""
        if fact.agent_leg not in self._asked:
            return fact
        self._asked.discard(fact.agent_leg)
        if fact.agent_leg in self._to_end:
            _, device = self._to_end.pop(fact.agent_leg)
            fields = self._of_bridge(fact.agent_leg, device, names.LABEL_OVER)
            self._acts.send("Redirect", fields, lambda future: self._answered(fact.agent_leg, future))
            return fact
        return ports.LegsHeld(fact.server_id, fact.caller_leg, fact.agent_leg, fact.at)

    def forget(self) -> None:
        """The link is lost: what became of the two, the picture tells."""
        self._asked.clear()
        self._to_end.clear()

    def _answered(self, agent_leg: LegId, future: "asyncio.Future[Message]") -> None:
        """One that was refused parts nobody; the end of a leg that was gone is told by its own event."""
        error = None if future.cancelled() else future.exception()
        if isinstance(error, ActionFailed):
            self._asked.discard(agent_leg)
            log.info("hold-refused", server=self._server_id, error=str(error))
            if (waits := self._to_end.pop(agent_leg, None)) is not None:
                self.let_wait(waits[0], agent_leg, waits[1])
        elif error is not None and self._calls.customer_beside(self._calls.leg_behind(agent_leg)) is not None:
            self._asked.discard(agent_leg)  # no answer came, and they talk on: the next one who asks is heard

"""What the router decides about an agent's presence and device, for the picture, the telephony and the store."""

from contactcenter.agents.model import PresenceState
from contactcenter.core.clock import from_timestamp
from contactcenter.core.publisher import Publisher
from contactcenter.interactions import model, ports
from contactcenter.interactions.live import Picture
from routing import commands as routing


class AgentStates:
    """Writes the picture for ``assignments``."""

    def __init__(self, picture: Picture, publisher: Publisher, save_presence: ports.SavePresence) -> None:
        self.actor = ""  # the user whose choice the router is carrying out in this very call
        self._picture = picture
        self._publisher = publisher
        self._save_presence = save_presence

    def presence_changed(self, decision: routing.PresenceChanged, telephony: ports.Telephony) -> None:
        """Chosen by somebody, or by a rule."""
        agent = self._picture.agents.get(decision.agent_id)
        if agent is None:
            return
        since = from_timestamp(decision.since)
        if (agent.presence, agent.reason) == (decision.presence.value, decision.reason):
            return  # what the store already says, told again when the router learned of the agent
        agent.presence, agent.reason, agent.presence_since = decision.presence.value, decision.reason, since
        move = telephony.release if decision.presence is routing.Presence.OFFLINE else telephony.prepare
        move(agent.device)
        agent_id, presence, reason = agent.agent_id, PresenceState(decision.presence.value), decision.reason
        changed = model.AgentPresenceChanged(agent_id, presence.value, reason)
        self._publisher.announce(
            changed, actor=self.actor, work=lambda tx: self._save_presence(tx, agent_id, presence, reason, since)
        )
        self._picture.touch(f"agent:{agent.agent_id}")

    def device_changed(self, decision: routing.DeviceChanged) -> None:
        """The phone can be rung, or not."""
        agent = self._picture.agents.get(decision.agent_id)
        if agent is not None:
            agent.device_usable, agent.device_reason = decision.usable, decision.reason
            self._picture.touch(f"agent:{agent.agent_id}")

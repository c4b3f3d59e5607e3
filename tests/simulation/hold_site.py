"""A site whose agents put customers on hold, retrieve and transfer them, at any moment and in haste."""

import asyncio
import contextlib
from collections import Counter
from typing import Any

from contactcenter.core.errors import ContactCenterError
from contactcenter.core.permissions import ROLES, Principal
from contactcenter.interactions.model import Interaction, Phase
from tests.simulation.site import Site


class HoldSite(Site):
    """``acts`` counts what agents asked for and what was refused."""

    dialed = ("2000",)
    transfer_share = 0.0

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.acts: Counter[str] = Counter()

    async def supervise(self) -> None:
        """Beside it, agents at work."""
        working = asyncio.ensure_future(self._work())
        try:
            await super().supervise()
        finally:
            working.cancel()

    async def _work(self) -> None:
        while True:
            await asyncio.sleep(self.dice.expovariate(4.0))
            center = self.center
            if center is None or not center._is_built:
                continue
            held = [one for one in center.picture.interactions.values() if one.is_conversation]
            if held:
                item = self.dice.choice(held)
                for _ in range(self.dice.choice([1, 1, 1, 2])):  # a double press
                    await self._press(item)

    async def _press(self, item: Interaction) -> None:
        assert self.center is not None
        assert item.segment is not None
        act = "hold" if item.phase is Phase.TALKING else "retrieve"
        if act == "retrieve" and self.dice.random() < 0.1:
            act = "hang_up"
        if self.dice.random() < self.transfer_share:
            act = "transfer"
        agent = self.center.picture.agents[item.segment.agent_id].record
        principal = Principal(agent.user_id, agent.name, ROLES["agent"], agent_id=agent.agent_id)
        self.acts[act] += 1
        self.note(f"{agent.name} asks for {act}")
        asked = [principal, item.interaction_id]
        if act == "transfer":  # there is but one queue: he stands in it again
            asked.append(item.segment.queue_id)
        with contextlib.suppress(ContactCenterError):
            await getattr(self.center.interactions, act)(*asked)


class TransferSite(HoldSite):
    """Every tenth press of a key is a transfer."""

    transfer_share = 0.1

"""The demo's people on the simulated PBX: customers who call, phones of agents whom nobody plays.

The same customers as on the second Asterisk (``cti.demo_traffic``), drawn from the same seed.
"""

import random
from collections.abc import Callable, Mapping

from contactcenter.core.errors import Unavailable
from contactcenter.core.tasks import TaskSupervisor
from cti import dialplan_names as names
from cti.demo_traffic import DemoCall, DemoCaller, Traffic, TrafficSettings
from cti.pbx_simulator.people import BUSY, Customer, PicksUp, Reaction, Refuses, RingsOn
from cti.pbx_simulator.server import SimulatedPbx

RING_LOW, RING_HIGH = 1, 4
"""Seconds until a phone is picked up."""


class SimulatedTraffic(Traffic):
    """``is_played``: endpoint -> whether a person answers its calls on a page; others pick up by themselves."""

    def __init__(
        self, settings: TrafficSettings, pbx: SimulatedPbx, tasks: TaskSupervisor, is_played: Callable[[str], bool]
    ) -> None:
        super().__init__(settings, tasks)
        self._pbx = pbx
        self._is_played = is_played
        self._phones = random.Random(settings.seed)
        pbx.phones = self._reaction
        self.begin()

    @property
    def is_live(self) -> bool:
        """Whether customers can call: the simulated PBX listens."""
        return self._pbx.is_running

    async def call(self, plan: DemoCall) -> str:
        """Let one customer call now; return the Uniqueid of his leg."""
        if not self.is_live:
            raise Unavailable("demo-not-started")
        self.calls_started += 1
        customer = Customer(
            plan.caller.number,
            self.settings.dialed,
            plan.caller.name,
            plan.digits,
            plan.delay,
            plan.patience,
            plan.talk_time,
        )
        leg_id = self._pbx.customer_calls(customer)
        self._up[leg_id] = plan.caller
        return leg_id

    @property
    def up(self) -> Mapping[str, DemoCaller]:
        """The customers whose calls are up or ringing, by leg."""
        on_the_line = self._pbx.exchange.legs.customers
        self._up = {leg_id: caller for leg_id, caller in self._up.items() if leg_id in on_the_line}
        return self._up

    def _reaction(self, endpoint: str) -> Reaction:
        """``endpoint``: an agent's, or the number of a customer who is called."""
        settings, rng = self.settings, self._phones
        if not endpoint.startswith(names.AGENT_PREFIX) and rng.randrange(100) < settings.no_answer_percent // 2:
            return Refuses(BUSY)
        if self._is_played(endpoint) or rng.randrange(100) < settings.no_answer_percent:
            return RingsOn()
        return PicksUp(rng.randint(RING_LOW, RING_HIGH), rng.randint(settings.talk_low, settings.talk_high))

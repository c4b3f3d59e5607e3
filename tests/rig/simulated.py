"""The simulated PBX for tests: a real one's settings, dialplan and records, phones with the rig's behaviours."""

import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from contactcenter.core.clock import SystemClock
from contactcenter.core.tasks import TaskSupervisor
from cti.pbx_simulator.people import Dead, PicksUp, Reaction, Refuses, RingsOn
from cti.pbx_simulator.server import SimulatedPbx
from cti.provision import PbxSettings, RunFolder
from tests.rig import scenarios
from tests.rig.scenarios import Behaviour

CAUSES = {404: 1, 480: 19, 486: 17, 503: 34, 603: 21}
"""What chan_pjsip makes of a phone's refusal (Q.850)."""


def reaction(behaviour: Behaviour) -> Reaction:
    """The simulated phone that behaves as the rig's SIPp phone does."""
    if isinstance(behaviour, scenarios.Answers):
        return PicksUp(behaviour.after, behaviour.talk)
    if isinstance(behaviour, scenarios.Refuses):
        return Refuses(CAUSES[behaviour.code])
    return RingsOn()


@dataclass
class Simulated:
    """``phones`` may be filled at any time; a device not named is dead, as an address where nobody is."""

    settings: PbxSettings
    run_folder: RunFolder
    pbx: SimulatedPbx
    phones: dict[str, Reaction] = field(default_factory=dict)

    def put_phones(self, behaviours: Mapping[str, Behaviour]) -> None:
        self.phones.update({endpoint: reaction(one) for endpoint, one in behaviours.items()})


@contextlib.asynccontextmanager
async def simulated_pbx(settings: PbxSettings, run: Path) -> AsyncIterator[Simulated]:
    phones: dict[str, Reaction] = {}
    folder, tasks = RunFolder(run), TaskSupervisor()
    pbx = SimulatedPbx(
        settings,
        folder.cel_file,
        SystemClock(),
        tasks,
        lambda endpoint: phones.get(endpoint, Dead()),
        lambda sound: 0.3,
    )
    await pbx.start()
    try:
        yield Simulated(settings, folder, pbx, phones)
    finally:
        await pbx.stop()
        await tasks.close()
        assert tasks.failures == {}

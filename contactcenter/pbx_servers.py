"""The PBXs of the site as the running server has them: for each a link, a FastAGI listener, records, a fold of its own.

Nothing of one is shared with another but the picture they report to: when one is lost, the others' calls go on. At most
one is ours (an Asterisk of the data folder, or the simulated PBX); all others are somebody else's.
"""

import random
from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import structlog

from contactcenter.core.errors import TelephonyError, Unavailable
from contactcenter.core.ids import ServerId
from contactcenter.first_look import FirstLook
from contactcenter.foundation import Foundation
from contactcenter.interactions import ports
from contactcenter.interactions import store as interactions_store
from contactcenter.interactions.live import Link, Picture
from contactcenter.operation import Operation
from contactcenter.reloading import Reloading
from contactcenter.settings import Settings
from contactcenter.site_servers import endpoint_settings, foreign_servers, is_own, managed_pbx, server_ids
from cti.agi.server import AgiServer, Handler
from cti.ami import AmiClient
from cti.ami.client import AmiSettings
from cti.cel import CelFile
from cti.dialplan_names import AMI_EVENTS
from cti.managed_pbx import DEMO_TRUNK, ManagedPbx, keep_numbers
from cti.pbx_simulator.server import SimulatedPbx
from cti.provision import EndpointSettings
from cti.site_telephony import AsteriskTelephony
from cti.telephony import PbxTelephony
from ivr.prompts import sounds_in

log = structlog.get_logger(__name__)

OWN_HOST = "127.0.0.1"  # our Asterisk's AMI and FastAGI: both are unencrypted
AGI_COUNTS = ("sessions", "refused", "malformed", "failed")


class PbxServer:
    """One PBX of the site. Its FastAGI listener tells by its port whose calls come in."""

    def __init__(
        self,
        server_id: ServerId,
        base: Foundation,
        on_fact: ports.OnFact,
        ami: AmiSettings,
        agi: AgiServer,
        cel_file: Path | None,
    ) -> None:
        self.server_id = server_id
        self.agi = agi
        self.cel_file = cel_file
        self._base = base
        cel = CelFile(cel_file, server_id)
        self.telephony = PbxTelephony(server_id, base.clock, base.tasks, on_fact, cel.news, base.ids.new)
        self.client = AmiClient(
            ami,
            on_message=self.telephony.on_message,
            on_state=self.telephony.on_state,
            tasks=base.tasks,
            rng=random.Random(),
            wanted=AMI_EVENTS,
        )
        self.telephony.bind(self.client)

    async def resume(self) -> None:
        """Take over what the last process of ours knew of this PBX."""
        heard = await self._base.database.read(lambda c: interactions_store.heard_until(c, self.server_id))
        if heard is not None:
            self.telephony.resume(*heard)

    async def close(self) -> None:
        """End the link and what we listen on; its calls go on without us."""
        await self.client.close()
        await self.agi.close()


class PbxServers:
    """All of them. ``pbx`` or ``simulated`` is the one that is ours, where there is one."""

    def __init__(
        self,
        base: Foundation,
        picture: Picture,
        on_fact: ports.OnFact,
        telephony: AsteriskTelephony,
        operation: Operation,
        reloading: Reloading,
        handlers: Mapping[str, Handler],
    ) -> None:
        self.all: dict[ServerId, PbxServer] = {}
        self.pbx: ManagedPbx | None = None
        self.simulated: SimulatedPbx | None = None
        self.simulated_because = ""
        self._base = base
        self._picture = picture
        self._on_fact = on_fact
        self._telephony = telephony
        self._operation = operation
        self._reloading = reloading
        self._handlers = handlers
        self._listening: list[AgiServer] = []
        self._looks: dict[ServerId, FirstLook] = {}
        self._provisioned: list[EndpointSettings] = []
        self._own_id = ServerId(base.settings.pbx.server_id)
        ids = server_ids(base.settings)
        if len(ids) > 1:  # one that was never reached counts as away, not as nothing
            picture.links |= {server_id: Link(server_id) for server_id in ids}

    @property
    def own(self) -> PbxServer | None:
        """The first server: ours, or the one ``pbx.mode`` names; None before the start."""
        return self.all.get(self._own_id)

    # ------------------------------------------------------------ start and stop

    async def start(self) -> None:
        """Start what is ours, listen for all, begin to link. Raises Unavailable; a PBX that is away does not."""
        settings = self._base.settings
        if is_own(settings):
            await self._start_own()
        for one in foreign_servers(settings):
            agi = await self._listen(one.server_id, one.agi_host, one.agi_port)
            server = await self._add(one.server_id, one.ami, agi, one.cel_file)
            server.telephony.calls_out = one.calls_out
        for agent in self._picture.agents.values():
            move = self._telephony.release if agent.presence == "offline" else self._telephony.prepare
            move(agent.device)
        self._show()
        for server in self.all.values():
            server.client.start()
        self._reloading.provision = self.provide

    async def stop(self, *, keep_pbx: bool = False) -> None:
        """End all; ``keep_pbx`` leaves our Asterisk running for the next start."""
        for server in self.all.values():
            await server.close()
        for agi in self._listening:
            await agi.close()
        if self.pbx is not None and not keep_pbx:
            await self.pbx.stop()
        if self.simulated is not None:
            await self.simulated.stop()

    async def _listen(self, server_id: ServerId, host: str, port: int) -> AgiServer:
        look = self._looks[server_id] = FirstLook()
        handlers = {path: look.before(handler) for path, handler in self._handlers.items()}
        agi = AgiServer(server_id, handlers, self._base.tasks)
        await agi.start(host, port)
        self._listening.append(agi)
        return agi

    async def _add(self, server_id: ServerId, ami: AmiSettings, agi: AgiServer, cel_file: Path | None) -> PbxServer:
        server = PbxServer(server_id, self._base, self._heard, ami, agi, cel_file)
        await server.resume()
        self._telephony.add(server.telephony)
        self.all[server_id] = server
        return server

    def _heard(self, fact: ports.Fact) -> None:
        self._on_fact(fact)
        if isinstance(fact, ports.Resynced):
            self._looks[fact.server_id].taken()

    def _show(self) -> None:
        show, listening = self._operation.show, self._listening
        show("agi_active", "FastAGI sessions now", lambda: sum(agi.active for agi in listening))
        for name in AGI_COUNTS:
            show(f"agi_{name}", f"FastAGI since the start: {name}", partial(_count, listening, name))

    # ------------------------------------------------------------ the one that is ours

    async def _start_own(self) -> None:
        settings = self._base.settings
        numbers = keep_numbers(settings.data, settings.http.port)
        pbx = managed_pbx(settings, numbers)
        agi = await self._listen(self._own_id, OWN_HOST, numbers.agi_port)
        self._provisioned = self._endpoints()
        cel_file = await self._start_own_pbx(settings.pbx.mode, pbx)
        ami = AmiSettings(OWN_HOST, numbers.ami_port, pbx.settings.ami_user, pbx.settings.ami_secret)
        server = await self._add(self._own_id, ami, agi, cel_file)
        server.telephony.calls_out = pbx.settings.outbound_trunk != DEMO_TRUNK  # else once its customers are there
        server.telephony.pick_up = self.simulated.pick_up if self.simulated is not None else None

    async def _start_own_pbx(self, mode: str, pbx: ManagedPbx) -> Path:
        """Start our Asterisk; where it is not wanted, or ``auto`` cannot have it, the simulated PBX in its place."""
        if mode == "simulated":
            return await self._start_simulated_pbx(pbx, "")
        try:
            await pbx.start(self._provisioned)
        except Unavailable as error:
            if mode != "auto" or error.code != "asterisk-not-installable":
                raise
            return await self._start_simulated_pbx(pbx, str(error.fields.get("reason", error.code)))
        self.pbx = pbx
        pbx.keep_running(self._base.tasks)
        self._check_sounds(pbx)
        self._operation.sources.append(self._pbx_degraded)
        return pbx.run_folder.cel_file

    async def _start_simulated_pbx(self, pbx: ManagedPbx, reason: str) -> Path:
        """``reason``: why it is not Asterisk; '' when it was asked for."""
        base, cel_file = self._base, simulated_cel_file(self._base.settings)
        wanted = replace(pbx.settings, endpoints=tuple(self._provisioned))
        self.simulated = SimulatedPbx(wanted, cel_file, base.clock, base.tasks)
        await self.simulated.start()
        self.simulated_because = reason
        self._operation.is_stand_in = bool(reason)
        self._picture.is_simulated = True
        log.warning("pbx-simulated", reason=reason or "asked for")
        degraded = {"code": "pbx-simulated", "since": None, "fields": {"reason": reason}}
        self._operation.sources.append(lambda: [degraded])
        return cel_file

    def _check_sounds(self, pbx: ManagedPbx) -> None:
        """From now on flows are looked at for sounds that the PBX has not."""
        if pbx.installation is not None:
            self._reloading.has_sound = sounds_in(pbx.installation.data_dir / "sounds")
            self._reloading.ask()

    def _pbx_degraded(self) -> list[dict[str, Any]]:
        reason = self.pbx.not_running if self.pbx is not None else ""
        return [{"code": "pbx-not-running", "since": None, "fields": {"reason": reason}}] if reason else []

    # ------------------------------------------------------------ agents' devices

    def _endpoints(self) -> list[EndpointSettings]:
        devices = [agent.record.device for agent in self._picture.agents.values()]
        return endpoint_settings([one for one in devices if one.server_id == self._own_id])

    async def provide(self, moved: Collection[str]) -> None:
        """Make our PBX know the present endpoints; ask for the state of ``moved`` ones, as no event need come."""
        endpoints = self._endpoints()
        if self.pbx is not None and endpoints != self._provisioned:
            await self.pbx.provision(endpoints)
            self._provisioned = endpoints
        elif self.simulated is not None:
            self.simulated.provide(one.name for one in endpoints)
        for server in self.all.values() if moved else ():
            await self._ask(server, moved)

    async def _ask(self, server: PbxServer, moved: Collection[str]) -> None:
        try:
            rows = await server.client.collect("PJSIPShowEndpoints", {}, "EndpointListComplete")
        except TelephonyError as error:  # no endpoint at all, or no link: then the resync tells
            log.info("devices-not-told", server=server.server_id, error=error.code)
            return
        for row in rows:
            if row.get("ObjectName") in moved:
                telephony, now = server.telephony, self._base.clock.now()
                fact = telephony.calls.device(row.get("ObjectName"), row.get("DeviceState"), now)
                self._on_fact(telephony.nailed.device_news(fact))


def simulated_cel_file(settings: Settings) -> Path:
    """Return where the simulated PBX of this data folder keeps its records."""
    return settings.data.resolve() / "pbx" / "simulated" / "cel.csv"


def _count(listening: Collection[AgiServer], name: str) -> float:
    return float(sum(getattr(agi.counts, name) for agi in listening))

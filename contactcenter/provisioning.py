"""``contactcenter provision``: our include files for an Asterisk that somebody else runs (pbx.mode HOST:PORT)."""

import asyncio
from collections.abc import Iterable, Sequence
from pathlib import Path

from contactcenter.agents.model import Device
from contactcenter.bootstrap import ContactCenter, endpoint_settings
from contactcenter.core.errors import Invalid
from contactcenter.settings import Settings
from cti.provision import PACKAGED, PbxSettings, TrunkSettings, write_include_files

AMI_PORT, SIP_PORT, HTTP_PORT = 5038, 5060, 8088


async def provision(settings: Settings, etc: Path) -> Sequence[str]:
    """Write the files into ``etc``; never touch the user's own. Returns what is left to do there, a line each.

    Raises Invalid when the AMI secret is not set or ``etc`` is no folder.
    """
    if not settings.pbx.ami_secret.get_secret_value():
        raise Invalid("ami-secret-missing", {"pbx.ami_secret": "missing"})
    if not await asyncio.to_thread(etc.is_dir):
        raise Invalid("not-a-folder", {"etc": str(etc)})
    center = ContactCenter(settings)
    await center.base.database.open()
    try:
        agents = await center.base.database.read(center.rooms.agents.load_all)
    finally:
        await center.base.database.close()
        center.rooms.passwords.close()
    pbx = foreign_pbx(settings, [agent.device for agent in agents])
    return write_include_files(pbx, PACKAGED, etc)


def foreign_pbx(settings: Settings, devices: Iterable[Device]) -> PbxSettings:
    """Return what an Asterisk that somebody else runs is told: the agents' endpoints on it and the trunks."""
    endpoints = endpoint_settings(one for one in devices if one.server_id == settings.pbx.server_id)
    return PbxSettings(
        server_id=settings.pbx.server_id,
        ami_port=AMI_PORT,
        ami_user=settings.pbx.ami_user,
        ami_secret=settings.pbx.ami_secret.get_secret_value(),
        sip_port=SIP_PORT,
        http_port=HTTP_PORT,
        agi_host=settings.pbx.agi_host,
        agi_port=settings.pbx.agi_port,
        recordings_dir=Path("/var/spool/asterisk/contactcenter"),
        trunks=tuple(TrunkSettings(one.name, one.host, one.port, one.any_port) for one in settings.pbx.trunks),
        endpoints=tuple(endpoints),
        external_address=settings.pbx.external_address,
    )

"""``contactcenter provision``: our include files for an Asterisk that somebody else runs (pbx.mode HOST:PORT)."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from contactcenter.bootstrap import ContactCenter, endpoint_settings
from contactcenter.core.errors import Invalid
from contactcenter.settings import Settings
from cti.installation import Installation
from cti.provision import PbxSettings, TrunkSettings, write_include_files

DATA_DIR = Path("/usr/share/asterisk")
MODULES_DIR = Path("/usr/lib/asterisk/modules")
AMI_PORT, SIP_PORT, HTTP_PORT = 5038, 5060, 8088


async def provision(settings: Settings, etc: Path) -> Sequence[str]:
    """Write the files into ``etc``; never touch the user's own. Returns what is left to do there, a line each.

    Raises Invalid when the AMI secret is not set or ``etc`` is no folder.
    """
    secret = settings.pbx.ami_secret.get_secret_value()
    if not secret:
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
    devices = [agent.device for agent in agents if agent.device.server_id == settings.pbx.server_id]
    pbx = PbxSettings(
        server_id=settings.pbx.server_id,
        ami_port=AMI_PORT,
        ami_user=settings.pbx.ami_user,
        ami_secret=secret,
        sip_port=SIP_PORT,
        http_port=HTTP_PORT,
        agi_host=settings.pbx.agi_host,
        agi_port=settings.pbx.agi_port,
        recordings_dir=Path("/var/spool/asterisk/contactcenter"),
        trunks=tuple(TrunkSettings(one.name, one.host, one.port, one.any_port) for one in settings.pbx.trunks),
        endpoints=tuple(endpoint_settings(devices)),
        external_address=settings.pbx.external_address,
    )
    installation = Installation(Path("/usr/sbin/asterisk"), "", Path("/"), MODULES_DIR, DATA_DIR)
    return write_include_files(pbx, installation, etc)

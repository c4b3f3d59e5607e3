"""``contactcenter provision``: our include files for an Asterisk that somebody else runs."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from contactcenter.bootstrap import ContactCenter
from contactcenter.core.errors import Invalid
from contactcenter.settings import Settings
from contactcenter.site_servers import find_foreign, foreign_pbx, is_own
from cti.managed_pbx import keep_numbers
from cti.provision import PACKAGED, write_include_files


async def provision(settings: Settings, etc: Path, server_id: str = "") -> Sequence[str]:
    """Write the files of one server ('': the first) into ``etc``; never touch the user's own.

    Returns what is left to do there, a line each. Raises Invalid when the AMI secret is not set or ``etc`` is no
    folder, NotFound for a server that the settings do not name.
    """
    server = find_foreign(settings, server_id or settings.pbx.server_id)
    if not server.ami.secret:
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
    pbx = foreign_pbx(settings, server, [agent.device for agent in agents], own_sip_port(settings))
    return write_include_files(pbx, PACKAGED, etc)


def own_sip_port(settings: Settings) -> int:
    """Return where our own Asterisk hears SIP, chosen now if need be; 0 when there is none or nobody asks for it."""
    if not is_own(settings) or not settings.servers or settings.pbx.sip:
        return 0
    return settings.pbx.sip_port or keep_numbers(settings.data, settings.http.port).sip_port

"""What each Asterisk of the site is told, out of the settings: its agents' endpoints, its trunks, the other servers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from contactcenter.agents.model import Device, DeviceKind
from contactcenter.core.errors import Invalid, NotFound
from contactcenter.core.ids import ServerId
from contactcenter.phone_addresses import media_settings, uses_line
from contactcenter.settings import ServerOptions, Settings, TrunkOptions
from cti.ami.client import AmiSettings
from cti.managed_pbx import ManagedPbx, Numbers
from cti.provision import (
    EndpointKind,
    EndpointSettings,
    PbxSettings,
    ServerSettings,
    TrunkSettings,
    server_settings,
)

FOREIGN_RECORDINGS: Final = Path("/var/spool/asterisk/contactcenter")
AMI_PORT, SIP_PORT, HTTP_PORT = 5038, 5060, 8088
"""Of an Asterisk that somebody else runs: its own defaults, which our files do not set."""
EVERYWHERE: Final = "0.0.0.0"


@dataclass(frozen=True, slots=True)
class ForeignServer:
    """An Asterisk that somebody else runs: how it is reached, how it reaches us, and where its records are."""

    server_id: ServerId
    ami: AmiSettings
    agi_host: str
    agi_port: int
    cel_file: Path | None
    trunks: Sequence[TrunkOptions]
    external_address: str | None
    outbound: str

    @property
    def calls_out(self) -> bool:
        """Whether customers can be called from it."""
        return bool(self.outbound or self.trunks)


def is_own(settings: Settings) -> bool:
    """Whether the first server is one of ours (or the simulated one), run from the data folder."""
    return settings.pbx.mode in ("auto", "asterisk", "simulated")


def server_ids(settings: Settings) -> tuple[ServerId, ...]:
    """Return the ids of all servers of the site, ``pbx`` first."""
    return (ServerId(settings.pbx.server_id), *(ServerId(one.server_id) for one in settings.servers))


def foreign_servers(settings: Settings) -> list[ForeignServer]:
    """Return every Asterisk that somebody else runs."""
    further = [_further(one) for one in settings.servers]
    return further if is_own(settings) else [_first(settings), *further]


def _further(one: ServerOptions) -> ForeignServer:
    ami = AmiSettings(*_place(one.ami), one.ami_user, one.ami_secret.get_secret_value())
    where = (one.agi_host, one.agi_port, one.cel_file, one.trunks, one.external_address, one.outbound)
    return ForeignServer(ServerId(one.server_id), ami, *where)


def _first(settings: Settings) -> ForeignServer:
    pbx = settings.pbx
    ami = AmiSettings(*_place(pbx.mode), pbx.ami_user, pbx.ami_secret.get_secret_value())
    where = (pbx.agi_host, pbx.agi_port, pbx.cel_file, pbx.trunks, pbx.external_address, pbx.outbound)
    return ForeignServer(ServerId(pbx.server_id), ami, *where)


def find_foreign(settings: Settings, server_id: str) -> ForeignServer:
    """Return one of them by its id; the first server's also when it is ours (for ``provision``). Raises NotFound."""
    if server_id == settings.pbx.server_id and is_own(settings):
        pbx = settings.pbx.model_copy(update={"mode": f"127.0.0.1:{AMI_PORT}"})
        return _first(settings.model_copy(update={"pbx": pbx}))
    found = [one for one in foreign_servers(settings) if one.server_id == server_id]
    if not found:
        raise NotFound("server-unknown", {"server": server_id, "known": ", ".join(server_ids(settings))})
    return found[0]


def foreign_pbx(settings: Settings, server: ForeignServer, devices: Iterable[Device], sip_port: int = 0) -> PbxSettings:
    """Return what an Asterisk that somebody else runs is told; ``sip_port``: of our own, where there is one."""
    return PbxSettings(
        server_id=server.server_id,
        ami_port=AMI_PORT,
        ami_user=server.ami.username,
        ami_secret=server.ami.secret,
        sip_port=SIP_PORT,
        http_port=HTTP_PORT,
        agi_host=server.agi_host,
        agi_port=server.agi_port,
        recordings_dir=FOREIGN_RECORDINGS,
        trunks=_trunks(server.trunks),
        outbound=server.outbound,
        endpoints=tuple(endpoint_settings(one for one in devices if one.server_id == server.server_id)),
        servers=others(settings, server.server_id, sip_port),
        external_address=server.external_address,
    )


def recordings_folder(settings: Settings, server_id: ServerId) -> Path:
    """Return where a PBX puts what it records; for one that somebody else runs, the folder is to be shared with us."""
    is_ours = server_id == settings.pbx.server_id and is_own(settings)
    return settings.data.resolve() / "recordings" if is_ours else FOREIGN_RECORDINGS


def recorded_file(settings: Settings, name: str) -> Path | None:
    """Return where a recording of this name is, by looking into every PBX's folder; None: nowhere we can read."""
    folders = dict.fromkeys(recordings_folder(settings, server_id) for server_id in server_ids(settings))
    return next((file for folder in folders if (file := folder / name).is_file()), None)


def managed_pbx(settings: Settings, numbers: Numbers) -> ManagedPbx:
    """Return the Asterisk of the data folder as the settings want it; nothing is started."""
    pbx = settings.pbx
    numbers = replace(numbers, sip_port=pbx.sip_port or numbers.sip_port, http_port=pbx.http_port or numbers.http_port)
    rtp = (pbx.rtp.first, pbx.rtp.last) if pbx.rtp else None
    addresses = (pbx.bind_address, pbx.external_address, media_settings(pbx), rtp, uses_line(settings))
    made = ManagedPbx(settings.data, pbx.server_id, pbx.prefix, numbers, _trunks(pbx.trunks), *addresses)
    further = others(settings, pbx.server_id, numbers.sip_port)
    made.settings = replace(made.settings, servers=further, outbound=pbx.outbound)
    return made


def others(settings: Settings, own: str, sip_port: int) -> tuple[ServerSettings, ...]:
    """Return what server ``own`` is told of each other one of the site. Raises Invalid when one has no address."""
    if not settings.servers:
        return ()
    secret = settings.pbx.trunk_secret.get_secret_value()
    places = {settings.pbx.server_id: _first_place(settings, sip_port)}
    places |= {one.server_id: _place(one.sip) for one in settings.servers}
    return tuple(server_settings(secret, own, name, *place) for name, place in places.items() if name != own)


def _first_place(settings: Settings, sip_port: int) -> tuple[str, int]:
    pbx = settings.pbx
    if pbx.sip:
        return _place(pbx.sip)
    if not is_own(settings) or pbx.bind_address == EVERYWHERE:
        raise Invalid("server-address-missing", {"pbx.sip": "missing"})
    return pbx.bind_address, sip_port


def endpoint_settings(devices: Iterable[Device]) -> list[EndpointSettings]:
    """Return what the PBX is told of agents' devices; one with a fixed contact needs no secret."""
    return [
        EndpointSettings(
            one.endpoint,
            EndpointKind.BROWSER if one.kind is DeviceKind.BROWSER else EndpointKind.DESK,
            "" if one.contact_uri else one.secret,
            one.contact_uri,
        )
        for one in devices
    ]


def _trunks(options: Iterable[TrunkOptions]) -> tuple[TrunkSettings, ...]:
    return tuple(TrunkSettings(one.name, one.host, one.port, one.any_port) for one in options)


def _place(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host, int(port)

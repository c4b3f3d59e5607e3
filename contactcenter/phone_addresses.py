"""What the PBX and browsers' phones are told of each other's addresses, out of the settings."""

from typing import Final

from contactcenter.agents.api import IceServer, Phones, PhoneSettings
from contactcenter.core.ids import ServerId
from contactcenter.settings import PbxSettings, ServerOptions, Settings, TurnOptions
from cti.provision import MediaSettings

LINE: Final = "/phone"
"""The path of ``agent_ui.phone_line``."""
WEBSOCKET_PORT: Final = 8088
"""Of an Asterisk that somebody else runs, unless ``pbx.http_port`` says otherwise: its own default."""


def phone_settings(settings: Settings, own_port: int | None) -> PhoneSettings:
    """Return where browsers' phones connect; ``own_port``: our Asterisk's WebSocket, None when it is not ours.

    A page served by HTTPS may open no plain WebSocket.
    """
    pbx = settings.pbx
    own = f"ws://{pbx.sip_host}:{own_port or pbx.http_port or WEBSOCKET_PORT}/ws"
    websocket = LINE if uses_line(settings) else pbx.websocket or own
    return PhoneSettings(pbx.sip_host, websocket, ice_servers(pbx))


def uses_line(settings: Settings) -> bool:
    """Tell whether browsers' phones come through this server, so that nobody else need reach the PBX's WebSocket."""
    websocket = settings.pbx.websocket
    return websocket == LINE or (not websocket and settings.http.scheme == "https")


def phones_of(settings: Settings, own_port: int | None) -> Phones:
    """Return the same for every server of the site."""
    further = {ServerId(one.server_id): _further(settings, one) for one in settings.servers}
    return Phones({ServerId(settings.pbx.server_id): phone_settings(settings, own_port), **further})


def _further(settings: Settings, server: ServerOptions) -> PhoneSettings:
    host = server.sip.rpartition(":")[0]
    websocket = server.websocket or (LINE if settings.http.scheme == "https" else f"ws://{host}:{WEBSOCKET_PORT}/ws")
    return PhoneSettings(host, websocket, ice_servers(settings.pbx))


def connect_sources(phones: Phones) -> tuple[str, ...]:
    """Return what a page must be allowed to connect to besides ourselves."""
    addresses = [one.websocket for one in phones.servers.values()]
    return tuple(dict.fromkeys(one for one in addresses if not one.startswith("/")))


def websocket_of(settings: Settings, server_id: ServerId, own_port: int | None) -> str:
    """Return the WebSocket of one server of the site as this machine reaches it."""
    for one in settings.servers:
        if one.server_id == server_id:
            return f"ws://{one.sip.rpartition(':')[0]}:{WEBSOCKET_PORT}/ws"
    return websocket_from_here(settings, own_port)


def websocket_from_here(settings: Settings, own_port: int | None) -> str:
    """Return the first PBX's WebSocket as this machine reaches it."""
    pbx = settings.pbx
    if own_port is None:
        return f"ws://{pbx.mode.rpartition(':')[0]}:{pbx.http_port or WEBSOCKET_PORT}/ws"
    host = "127.0.0.1" if uses_line(settings) or pbx.bind_address == "0.0.0.0" else pbx.bind_address
    return f"ws://{host}:{own_port}/ws"


def media_settings(pbx: PbxSettings) -> MediaSettings:
    """Return what the PBX is told of sound's way."""
    turn = pbx.turn or TurnOptions(server="")
    return MediaSettings(pbx.local_networks, pbx.stun, turn.server, turn.username, turn.password.get_secret_value())


def ice_servers(pbx: PbxSettings) -> tuple[IceServer, ...]:
    """Return what browsers' phones are told of STUN and TURN."""
    found = [IceServer((f"stun:{pbx.stun}",))] if pbx.stun else []
    if pbx.turn is not None:
        urls = tuple(f"turn:{pbx.turn.server}?transport={one}" for one in ("udp", "tcp"))
        found.append(IceServer(urls, pbx.turn.username, pbx.turn.password.get_secret_value()))
    return tuple(found)

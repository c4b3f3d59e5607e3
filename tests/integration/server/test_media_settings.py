"""Ports, STUN and TURN of the settings as Asterisk and a browser's phone are told them; no password in any log."""

import asyncio
import json

from tests.integration.server.conftest import command
from tests.rig.ports import free_ports
from tests.rig.server import AgentSeed, running_server

PASSWORD = "relay-pass-0123456789"


async def test_asterisk_and_the_browser_are_told():
    first, sip, http = free_ports(40), free_ports(1), free_ports(1)
    turn = {"server": "127.0.0.1:3479", "username": "desk", "password": PASSWORD}
    env = {
        "CONTACTCENTER_PBX__RTP": json.dumps({"first": first, "last": first + 39}),
        "CONTACTCENTER_PBX__STUN": "127.0.0.1:3478",
        "CONTACTCENTER_PBX__TURN": json.dumps(turn),
        "CONTACTCENTER_PBX__SIP_PORT": str(sip),
        "CONTACTCENTER_PBX__HTTP_PORT": str(http),
    }
    async with running_server(agents=[AgentSeed("ines", "1001")], env=env) as server:
        told = " ".join((await server.console("rtp show settings")).split())
        assert f"Port start: {first} Port end: {first + 39}" in told
        assert "ICE support: Yes" in told
        assert "127.0.0.1:3478" in told
        assert f"127.0.0.1:{sip}" in await server.console("pjsip show transports")
        phone = await server.api("GET", "/phone", login="ines")
        assert phone["websocket"] == f"ws://127.0.0.1:{http}/ws"
        assert phone["ice_servers"] == [
            {"urls": ["stun:127.0.0.1:3478"], "username": "", "credential": ""},
            {
                "urls": ["turn:127.0.0.1:3479?transport=udp", "turn:127.0.0.1:3479?transport=tcp"],
                "username": "desk",
                "credential": PASSWORD,
            },
        ]
        checked = await asyncio.to_thread(command, "check", "--data", server.data, env=server._env)
        for line in (f"ok    sound ports: UDP {first}-{first + 39}, enough for 20 legs", "ok    TURN: 127.0.0.1:3479"):
            assert line in checked.stdout
        logs = [path for path in server.data.rglob("*") if path.is_file() and path.suffix in ("", ".log", ".csv")]
        said = server.log() + checked.stdout + checked.stderr + "".join(p.read_text(errors="replace") for p in logs)
        assert PASSWORD not in said
        (etc,) = (path for path in server.pbx_run.rglob("rtp.conf"))
        assert etc.stat().st_mode & 0o077 == 0, "it stands in a file of its owner only"

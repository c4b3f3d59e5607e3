"""The least configuration with which a real Asterisk serves the AMI tests: one user, one dialplan, no SIP."""

import socket

SECRET = "secret"
_PORTS = range(15000, 15100)

_EXTENSIONS = """[ami-test]
exten => wait,1,Answer()
 same => n,Wait(30)
exten => pair,1,NoOp()
 same => n,Set(N=1)
 same => n,Set(N=2)
 same => n,Set(N=3)
 same => n,Hangup()
"""


def free_port() -> int:
    """Return a port of the tests' range on which nobody listens."""
    for port in _PORTS:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port in the range of the AMI tests")


def ami_files(port: int) -> dict[str, str]:
    """Return the files (name -> text) of an Asterisk whose AMI listens on ``port`` for user ``cc``."""
    manager = f"""[general]
enabled=yes
port={port}
bindaddr=127.0.0.1
timestampevents=yes
[cc]
secret={SECRET}
read=all
write=all
writetimeout=5000
"""
    # Few modules: the AMI tests need channels, a dialplan and its applications.
    modules = "[modules]\nautoload=no\n" + "".join(
        f"load={name}.so\n"
        for name in (
            *(
                "pbx_config",
                "app_dial",
                "app_userevent",
                "func_channel",
                "func_callerid",
                "app_verbose",
                "res_timing_timerfd",
            ),
            *("codec_ulaw", "format_pcm", "bridge_simple", "bridge_softmix", "bridge_holding", "func_logic"),
        )
    )
    return {"manager.conf": manager, "extensions.conf": _EXTENSIONS, "modules.conf": modules}

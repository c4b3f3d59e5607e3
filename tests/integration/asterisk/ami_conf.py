"""The least configuration with which a real Asterisk serves the AMI tests: one user, one dialplan, no SIP."""

import itertools
import os
import socket

SECRET = "secret"
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % 4
_PORTS = itertools.cycle(range(15000 + 25 * _WORKER, 15025 + 25 * _WORKER))

_EXTENSIONS = """[ami-test]
exten => wait,1,Answer()
 same => n,Wait(30)
exten => pair,1,NoOp()
 same => n,Set(N=1)
 same => n,Set(N=2)
 same => n,Set(N=3)
 same => n,Hangup()
"""

_MODULES = (
    *("pbx_config", "app_dial", "app_userevent", "app_verbose", "func_channel", "func_callerid", "func_logic"),
    *("codec_ulaw", "format_pcm", "bridge_simple", "bridge_softmix", "bridge_holding", "res_timing_timerfd"),
)


def free_port() -> int:
    """Return a port of this worker's part of the range on which nobody listens, another one each time."""
    for port in itertools.islice(_PORTS, 25):
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
    modules = "[modules]\nautoload=no\n" + "".join(f"load={name}.so\n" for name in _MODULES)
    return {"manager.conf": manager, "extensions.conf": _EXTENSIONS, "modules.conf": modules}

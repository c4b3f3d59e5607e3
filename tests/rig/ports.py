"""Ports for servers under test: free now, below the range the system hands out by itself (32768 up)."""

import random
import socket

_FIRST, _BEYOND = 20_000, 32_000


def free_ports(count: int = 1, *, step: int = 1, tries: int = 200) -> int:
    """First of ``count`` ports, ``step`` apart, free on loopback for UDP and TCP alike. Raises OSError when none is."""
    for _ in range(tries):
        base = random.randrange(_FIRST, _BEYOND - count * step, 2)
        if all(_is_free(base + number * step) for number in range(count)):
            return base
    raise OSError(f"no {count} free ports in a row")


def _is_free(port: int) -> bool:
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True

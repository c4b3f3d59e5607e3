"""Ports for servers under test: free now, below the range the system hands out by itself (32768 up).

Nobody holds a port between its choice and its use, so each worker of a test run has a part of the range of its own, and
the product, which chooses ports for its PBX the same way, has 20000 to 24999.
"""

import os
import random
import socket
from collections import deque

_WORKERS, _EACH = 2, 3_800
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _WORKERS
_FIRST = 25_000 + _WORKER * _EACH
_BEYOND = _FIRST + _EACH
_given: deque[frozenset[int]] = deque(maxlen=8)
"""The last ones given: perhaps not in use yet, so free to look at."""


def free_ports(count: int = 1, *, step: int = 1, tries: int = 200) -> int:
    """First of ``count`` ports, ``step`` apart, free on loopback for UDP and TCP alike. Raises OSError when none is."""
    while True:
        for _ in range(tries):
            base = random.randrange(_FIRST, _BEYOND - count * step, 2)
            wanted = frozenset(range(base, base + count * step, step))
            if all(wanted.isdisjoint(one) for one in _given) and all(_is_free(port) for port in wanted):
                _given.append(wanted)
                return base
        if not _given:
            break
        _given.popleft()
    raise OSError(f"no {count} free ports in a row")


def _is_free(port: int) -> bool:
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True

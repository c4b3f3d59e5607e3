"""Whether a process is over, seen from outside; which ports are chosen for one."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from contactcenter.core.errors import Unavailable
from cti.pbx_process import _is_alive, free_ports

# The first thread ends, another lives on: what a PBX looks like for a moment on its way out.
LEADERLESS = "import ctypes, threading; threading.Thread(target=threading.Event().wait).start(); "
LEADERLESS += "print(flush=True); ctypes.CDLL(None).pthread_exit(None)"


def test_a_process_lives_until_its_last_thread_has_ended() -> None:
    with subprocess.Popen([sys.executable, "-c", LEADERLESS], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        while ") Z " not in Path(f"/proc/{process.pid}/stat").read_text():
            os.sched_yield()
        assert _is_alive(process.pid)
        os.kill(process.pid, signal.SIGKILL)
        while len(os.listdir(f"/proc/{process.pid}/task")) > 1:
            os.sched_yield()
        assert not _is_alive(process.pid)
    assert not _is_alive(process.pid)


def test_a_port_that_somebody_will_want_is_not_chosen() -> None:
    three = free_ports(3)
    assert not set(three) & set(free_ports(3, without=three))
    with pytest.raises(Unavailable, match="no-free-port"):
        free_ports(1, low=three[0], high=three[0], without=three)

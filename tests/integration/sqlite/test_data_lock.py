"""One server per data folder, for as long as it lives and no longer."""

import signal
import subprocess
import sys

import pytest

from contactcenter.core.errors import ContactCenterError
from contactcenter.data_lock import DataLock

HOLDER = """
import sys, time
from pathlib import Path
from contactcenter.data_lock import DataLock
with DataLock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_server_is_refused_and_the_first_one_named(tmp_path):
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(ContactCenterError) as refused, DataLock(tmp_path):
            pytest.fail("two servers on one folder")
        assert refused.value.code == "data-in-use"
        assert refused.value.fields["process"] == str(holder.pid)
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        with DataLock(tmp_path):
            pass


def test_it_is_given_back_at_the_end(tmp_path):
    for _ in range(2):
        with DataLock(tmp_path):
            assert (tmp_path / "server.lock").stat().st_mode & 0o777 == 0o600


def test_a_child_does_not_keep_it(tmp_path):
    with DataLock(tmp_path):
        waits = [sys.executable, "-c", "print(flush=True); input()"]
        child = subprocess.Popen(waits, stdin=subprocess.PIPE, stdout=subprocess.PIPE, close_fds=False)
        child.stdout.readline()  # between its fork and its first line it may still hold our files
    with DataLock(tmp_path):
        pass
    child.communicate(b"\n")

"""A second machine: a network namespace joined to this one by a cable of its own. Wants root and iproute2."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True, slots=True)
class OtherMachine:
    """Its name, its address, and this machine's address as it sees it."""

    name: str
    address: str
    here: str

    def program(self, folder: Path, path: str) -> Path:
        """Return a program that runs ``path`` there, with the same arguments and open files."""
        script = folder / f"there-{Path(path).name}"
        script.write_text(f'#!/bin/sh\nexec ip netns exec {self.name} {path} "$@"\n')
        script.chmod(0o755)
        return script


@contextlib.contextmanager
def other_machine() -> Iterator[OtherMachine]:
    """Join a new namespace by a cable, for as long as the block runs."""
    if os.getuid() != 0 or shutil.which("ip") is None:
        pytest.skip("a network namespace wants root and iproute2")
    number = os.getpid() % 200 + 20
    name, net = f"cc-{os.getpid()}", f"10.77.{number}"
    cable, end = f"cc{os.getpid()}a", f"cc{os.getpid()}b"
    machine = OtherMachine(name, f"{net}.2", f"{net}.1")
    _ip("netns", "add", name)
    try:
        _ip("link", "add", cable, "type", "veth", "peer", "name", end, "netns", name)
        _ip("addr", "add", f"{machine.here}/30", "dev", cable)
        _ip("link", "set", cable, "up")
        _ip("-n", name, "addr", "add", f"{machine.address}/30", "dev", end)
        _ip("-n", name, "link", "set", end, "up")
        _ip("-n", name, "link", "set", "lo", "up")
        yield machine
    finally:
        subprocess.run(["ip", "link", "del", cable], capture_output=True, check=False)
        _ip("netns", "del", name)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)

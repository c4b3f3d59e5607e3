"""Reads the files people install from, and runs what stands in them in a throw-away folder.

``Image`` is a Dockerfile's instructions; ``Unit`` a systemd unit's lines. ``program_folder`` is the repository as
``COPY . .`` takes it, with what was already installed linked in, so that set-up scripts find nothing left to do.
"""

import fnmatch
import json
import os
import re
import shlex
import shutil
import subprocess
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from tests.rig.asterisk import PREFIX
from tests.rig.server import ROOT

HOME = "/srv/contactcenter"
"""Where the files say that the program lies."""


@dataclass
class Image:
    """A Dockerfile's last stage. Commands are a shell line or the words of an exec form, as written."""

    arguments: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    runs: list[str] = field(default_factory=list)
    copies: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    health: list[str] = field(default_factory=list)
    workdir: str = ""
    user: str = ""
    base: str = ""
    volume: str = ""

    @classmethod
    def read(cls, path: Path) -> "Image":
        image = cls()
        lines = [line for line in path.read_text().splitlines() if not line.lstrip().startswith("#")]
        for line in re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines():
            if line.strip():
                image._take(*line.split(maxsplit=1))
        return image

    def _take(self, word: str, rest: str) -> None:
        if word == "ARG":
            name, _, value = rest.partition("=")
            self.arguments[name] = value
        elif word == "ENV":
            self.environment |= dict(pair.split("=", 1) for pair in shlex.split(rest))
        elif word == "HEALTHCHECK":
            self.health = json.loads(rest.partition("CMD")[2])
        elif word == "CMD":
            self.command = json.loads(rest)
        elif word in ("RUN", "COPY"):
            (self.runs if word == "RUN" else self.copies).append(rest)
        else:
            setattr(self, {"FROM": "base"}.get(word, word.lower()), rest)

    def __setattr__(self, name: str, value: object) -> None:
        if name not in self.__dataclass_fields__:
            raise ValueError(f"an instruction nobody reads: {name}")
        object.__setattr__(self, name, value)


@dataclass
class Unit:
    """A systemd unit: section -> key -> values in order."""

    sections: dict[str, dict[str, list[str]]]

    @classmethod
    def read(cls, path: Path) -> "Unit":
        found: dict[str, dict[str, list[str]]] = {}
        section = ""
        for line in path.read_text().splitlines():
            if line.startswith("["):
                section = line.strip("[]")
                found[section] = defaultdict(list)
            elif line and not line.startswith(("#", ";")):
                name, _, value = line.partition("=")
                found[section][name].append(value)
        return cls(found)

    def of(self, name: str) -> list[str]:
        """Every value of a key of [Service]."""
        return self.sections["Service"][name]


def program_folder(place: Path) -> Path:
    """Copy the repository's files, less what .dockerignore names, and link in what is installed."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    ignored = [line for line in (ROOT / ".dockerignore").read_text().split() if line]
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file() and not any(_is_below(name, one) for one in ignored):
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, place / name)
    for name in (".venv", "agent_ui/frontend/node_modules"):
        (place / name).symlink_to((ROOT / name).resolve())
    shutil.copytree(ROOT / "agent_ui/static/dist", place / "agent_ui/static/dist")
    (place / "asterisk").symlink_to(PREFIX.resolve())
    return place


def _is_below(name: str, pattern: str) -> bool:
    plain = pattern.removeprefix("**/")
    parts = name.split("/")
    heads = ["/".join(parts[: n + 1]) for n in range(len(parts))]
    return any(fnmatch.fnmatch(one, plain) for one in (parts if pattern != plain else heads))


def moved(text: str, folder: Path) -> str:
    """The same words for a program that lies elsewhere."""
    return text.replace(HOME, str(folder))


def environment(**more: str) -> dict[str, str]:
    """What a process of a fresh machine sees, and ``more``."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "HOME")}
    return {**kept, **more}

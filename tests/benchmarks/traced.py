"""The server with a trace of when a call's stations were passed; the same command line as ``contactcenter``.

The product knows nothing of it: its own functions are wrapped here before it starts. Each note is (station, leg of the
caller or, for ``sent``, interaction, epoch seconds); they are kept in memory and written to ``$CONTACTCENTER_TRACE`` at
the end, one JSON line each.
"""

import atexit
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agent_ui.hub import Page
from contactcenter.cli import main
from contactcenter.interactions.assignments import Assignments
from cti.agi.server import AgiServer
from cti.telephony import PbxTelephony
from routing.commands import Reserve

NOTES: list[tuple[str, str, float]] = []
Look = Callable[..., str | None]


def before(owner: type, name: str, station: str, leg_of: Look) -> None:
    """Note the instant of each call of a method whose arguments lead to a caller's leg."""
    plain = getattr(owner, name)

    def noted(self: Any, *given: Any, **named: Any) -> Any:
        leg = leg_of(self, *given)
        if leg:
            NOTES.append((station, leg, time.time()))
        return plain(self, *given, **named)

    setattr(owner, name, noted)


def after(owner: type, name: str, station: str, leg_of: Look) -> None:
    """Note the instant of each return."""
    plain = getattr(owner, name)

    def noted(self: Any, *given: Any, **named: Any) -> Any:
        answer = plain(self, *given, **named)
        leg = leg_of(self, *given)
        if leg:
            NOTES.append((station, leg, time.time()))
        return answer

    setattr(owner, name, noted)


def _newchannel(telephony: Any, message: Any) -> str | None:
    return message.get("Uniqueid") if message.kind == "Newchannel" else None


def _newchannel_stamp(telephony: Any, message: Any) -> None:
    if message.kind == "Newchannel":
        NOTES.append(("newchannel", message.get("Uniqueid"), float(message.get("Timestamp"))))


def _decided(assignments: Any, decision: Any) -> str | None:
    if type(decision) is not Reserve:
        return None
    return str(assignments.picture.interactions[decision.interaction_id].leg_id)


def _sent(page: Any, message: Any) -> str | None:
    for key, slot in (getattr(message, "slots", None) or {}).items():
        if slot and key.startswith("work:") and slot["state"] == "alerting":
            return str(key.removeprefix("work:"))
    return None


def install() -> None:
    """Wrap the stations: event seen, the flow asked for, decision made, Originate written, frame queued."""
    before(PbxTelephony, "on_message", "seen", _newchannel)
    before(PbxTelephony, "on_message", "", _newchannel_stamp)
    before(AgiServer, "_begin", "asked", lambda server, session, path, done: session.leg_id if path == "/ivr" else None)
    before(Assignments, "on_decision", "decided", _decided)
    after(Page, "send", "sent", _sent)
    after(PbxTelephony, "alert", "alerted", lambda telephony, order: str(order.caller_leg))


def _write() -> None:
    with Path(os.environ["CONTACTCENTER_TRACE"]).open("w") as lines:
        lines.writelines(json.dumps(note) + "\n" for note in NOTES)


if __name__ == "__main__":
    install()
    atexit.register(_write)
    main()

"""The process that plays a day: rows on its standard input, the answer on its standard output.

Run by the service as ``python -m contactcenter.dry_runs.player trace|play``, away from the loop and the interpreter
lock of the process that routes calls, at the lowest priority; it ends by itself after ``TIME_LIMIT``.
"""

import os
import signal
import sys
from collections.abc import Iterable
from typing import Final

import msgspec

from contactcenter.core.ids import QueueId
from contactcenter.dry_runs.days import Line, TracedDay, queue_line, traced_day
from contactcenter.dry_runs.figures import became, compared, measured, occupancy_of, of_queue
from contactcenter.dry_runs.model import (
    REFUSED,
    TIME_LIMIT,
    Ask,
    Measured,
    Played,
    PresenceRow,
    Refused,
    Slice,
    VisitRow,
)
from contactcenter.queues.model import Queue
from routing.simulator.runs import OURS, run_plan
from routing.simulator.trace import read_trace

NICE: Final = 19


def day_in(lines: Iterable[bytes]) -> tuple[Ask, TracedDay]:
    """Return the day that the service's lines tell of."""
    rows = iter(lines)
    ask = msgspec.json.decode(next(rows), type=Ask)
    decoder = msgspec.json.Decoder(Slice)
    visits: list[VisitRow] = []
    presences: list[PresenceRow] = []
    for line in rows:
        part = decoder.decode(line)
        visits += part.visits
        presences += part.presences
    return ask, traced_day(ask, visits, presences)


def refusal(day: TracedDay) -> Refused | None:
    """Return why the day cannot be played, or None."""
    if not day.real:
        return Refused("no-callers")
    if not day.agents:
        return Refused("no-agents")
    return None if day.is_answered else Refused("nobody-answered")


def play(ask: Ask, day: TracedDay) -> Played:
    """Play the day with the present and with the changed rules."""
    changed = ask.changed
    assert changed is not None
    queue_id = changed.queue_id
    queues = {one.queue_id: one for one in ask.queues}
    present_queues, changed_queues = queues, {**queues, queue_id: changed}
    lines = [queue_line(changed) if one.get("name") == queue_id else one for one in day.lines()]
    now, then = _played(day.lines(), present_queues, queue_id), _played(lines, changed_queues, queue_id)
    real = [measured(one, queues) for one in (of_queue(day.real, queue_id), day.real)]
    return Played(
        callers=len(day.arrivals),
        agents=day.ready_agents,
        queue=compared(now[0], then[0], real[0]),
        every=compared(now[1], then[1], real[1]),
        left_out=day.left_out,
        assumed=day.assumed,
    )


def _played(lines: Iterable[Line], queues: dict[QueueId, Queue], queue_id: QueueId) -> tuple[Measured, Measured]:
    """Return the figures of the one queue and of all."""
    outcome = run_plan(read_trace(map(msgspec.json.encode, lines), "trace"), OURS)
    callers = became(outcome)
    return measured(of_queue(callers, queue_id), queues), measured(callers, queues, occupancy_of(outcome))


def main() -> None:
    """Read rows, write the answer."""
    os.nice(NICE)
    signal.alarm(int(TIME_LIMIT))
    ask, day = day_in(sys.stdin.buffer)
    refused = refusal(day)
    if refused is not None:
        sys.stdout.buffer.write(msgspec.json.encode(refused))
        sys.exit(REFUSED)
    if sys.argv[1] == "trace":
        sys.stdout.buffer.writelines(msgspec.json.encode(line) + b"\n" for line in day.lines())
    else:
        sys.stdout.buffer.write(msgspec.json.encode(play(ask, day)))


if __name__ == "__main__":
    main()

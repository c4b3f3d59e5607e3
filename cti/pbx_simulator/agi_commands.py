"""FastAGI's commands as far as anybody of ours sends them, by name. Pure.

Source: https://docs.asterisk.org, "AGI Commands".
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from cti.pbx_simulator.people import SPEECH_SECONDS
from cti.pbx_simulator.variables import read, write

if TYPE_CHECKING:
    from cti.pbx_simulator.agi import AgiSessions, Session

Command = Callable[["AgiSessions", "Session", Sequence[str]], str | None]
"""Returns its answer; None while it runs. Raises ValueError for a number that is none."""


def _answer(sessions: "AgiSessions", session: "Session", words: Sequence[str]) -> str:
    sessions.exchange.answer(session.channel)
    return "200 result=0"


def _stream_file(sessions: "AgiSessions", session: "Session", words: Sequence[str]) -> None:
    name, escape, *_ = [*words, "", ""]
    session.channel.digits = ""  # what was pressed before does not interrupt
    sessions.run(session, sessions.exchange.sounds(name), escape)


def _wait_for_digit(sessions: "AgiSessions", session: "Session", words: Sequence[str]) -> None:
    milliseconds = int(words[0]) if words else -1
    sessions.run(session, milliseconds / 1000 if milliseconds >= 0 else 1e6, "0123456789*#")


def _get_data(sessions: "AgiSessions", session: "Session", words: Sequence[str]) -> None:
    name, limit, count, *_ = [*words, "", "", ""]
    seconds = sessions.exchange.sounds(name) + int(limit or 6000) / 1000
    sessions.run(session, seconds, "0123456789*#", collects=int(count or 1024))


def _record_file(sessions: "AgiSessions", session: "Session", words: Sequence[str]) -> None:
    _, _, escape, limit, *rest = [*words, "", "", "", "-1"]
    silence = next((float(one[2:]) for one in rest if one.startswith("s=")), 0.0)
    most = int(limit) / 1000 if int(limit) > 0 else 3600.0
    sessions.run(session, min(SPEECH_SECONDS + silence if silence else most, most), escape)


def _set_variable(sessions: "AgiSessions", session: "Session", words: Sequence[str]) -> str:
    name, value, *_ = [*words, "", ""]
    write(sessions.exchange, session.channel, name, value)
    return "200 result=1"


def _get_variable(sessions: "AgiSessions", session: "Session", words: Sequence[str]) -> str:
    value = read(sessions.exchange, session.channel, words[0] if words else "")
    return f"200 result=1 ({value})" if value else "200 result=0"


def _set_autohangup(sessions: "AgiSessions", session: "Session", words: Sequence[str]) -> str:
    sessions.exchange.set_clock(session.channel, float(words[0]) if words else 0.0)
    return "200 result=0"


def _hang_up(sessions: "AgiSessions", session: "Session", words: Sequence[str]) -> None:
    sessions.send(session, "200 result=1")
    sessions.exchange.hang_up(session.channel, 16, "dialplan/agi")


def _noop(sessions: "AgiSessions", session: "Session", words: Sequence[str]) -> str:
    return "200 result=0"


def _channel_status(sessions: "AgiSessions", session: "Session", words: Sequence[str]) -> str:
    return f"200 result={session.channel.state}"


COMMANDS: Final[dict[str, Command]] = {
    "ANSWER": _answer,
    "CHANNEL STATUS": _channel_status,
    "GET DATA": _get_data,
    "GET VARIABLE": _get_variable,
    "HANGUP": _hang_up,
    "NOOP": _noop,
    "RECORD FILE": _record_file,
    "SET AUTOHANGUP": _set_autohangup,
    "SET VARIABLE": _set_variable,
    "STREAM FILE": _stream_file,
    "VERBOSE": _noop,
    "WAIT FOR DIGIT": _wait_for_digit,
}

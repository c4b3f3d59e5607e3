"""On real Asterisk: the caller comes for his agent's leg, whatever he hears (decision 0017)."""

from cti import dialplan_names as names
from tests.integration.asterisk.ami_line import AmiLine
from tests.integration.asterisk.conftest import ScriptedAgi
from tests.integration.asterisk.test_dialplan import alert, bridged, reserve, waiting_caller

ROUNDS = 30


async def test_callers_connected_in_the_moment_an_announcement_begins(ami: AmiLine, agi: ScriptedAgi) -> None:
    """Who was pulled out of a file that had just been opened for him took Asterisk down, now and then."""
    for number in range(ROUNDS):
        reservation = f"res-j{number:02}"
        agi.first_commands = ["SET AUTOHANGUP 2", 'STREAM FILE queue-periodic-announce ""']
        caller = await announced_to(ami, agi)
        await reserve(ami, caller, reservation)
        await alert(ami, caller, reservation)
        await bridged(ami, caller, reservation)
        agi.first_commands, agi.next["next"] = [], names.NEXT_HANGUP
        await ami.send("Hangup", Channel=f"far-{reservation}")
        await ami.event("Hangup", Uniqueid=caller)


async def test_a_leg_whose_caller_does_not_come_is_lost(ami: AmiLine, agi: ScriptedAgi) -> None:
    """Here he was sent to where nothing is, and is hung up: his agent does not stay with nobody."""
    caller = await waiting_caller(ami)
    await reserve(ami, caller, "res-k")
    await ami.send("Setvar", Channel=caller, Variable=names.VAR_DIALED, Value="h")
    await alert(ami, caller, "res-k")
    await ami.event("UserEvent", UserEvent=names.EVENT_LOST, Uniqueid="res-k")
    await ami.event("Hangup", Uniqueid="res-k")
    assert not [event for event in ami.events if event["Event"] == "BridgeEnter"]


async def announced_to(ami: AmiLine, agi: ScriptedAgi) -> str:
    """A caller who waits is asked about, and hears something; returns him."""
    commands, agi.first_commands, agi.next["next"] = agi.first_commands, [], "hold"
    caller = await waiting_caller(ami)
    agi.first_commands = commands
    await ami.send("Redirect", Channel=caller, Context=names.HOLD, Exten="s", Priority="next")
    await ami.wait_place(caller, names.HOLD, "AGI")
    return caller

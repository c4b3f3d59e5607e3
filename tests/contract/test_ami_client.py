"""One contract of the AMI client, kept against the tiny server, the simulated PBX and a real Asterisk.

panoramisk, an independent client, stands on the other side where two are needed.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import panoramisk
import pytest
import pytest_asyncio

from contactcenter.core.errors import ActionFailed
from cti.ami import LinkState, LinkTiming
from cti.provision import PbxSettings
from tests.fakes.ami_owner import Owner, owned_client
from tests.fakes.ami_server import Action, Session, TinyAmi, block, tiny_ami
from tests.integration.asterisk.ami_conf import ami_files, free_port
from tests.rig.asterisk import PREFIX, bare_asterisk
from tests.rig.simulated import simulated_pbx

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

NAMES = ["Jörg Müller", "日本語 😀", "<b>x</b>", "\u202eright to left", "a: b", "%{QUEUE} ${CALLERID(num)}", "x" * 900]


class AmiContract:
    """What every PBX that speaks AMI lets our client do."""

    secret = "secret"

    @pytest_asyncio.fixture(loop_scope="class")
    async def owner(self, port: int) -> AsyncIterator[Owner]:
        async with owned_client(port, secret=self.secret, timing=LinkTiming(retry_first=0.05)) as owner:
            await owner.live()
            yield owner

    async def test_the_way_to_live(self, owner: Owner) -> None:
        assert [state for state, _ in owner.states] == [
            *(LinkState.CONNECTING, LinkState.LOGGING_IN, LinkState.BOOTING, LinkState.LIVE)
        ]
        assert owner.messages[0].kind == "FullyBooted"
        assert int(owner.messages[0].get("Uptime")) >= 0

    async def test_a_wrong_secret(self, port: int) -> None:
        async with owned_client(port, secret="wrong", timing=LinkTiming()) as owner:
            await owner.until(lambda: (LinkState.DISCONNECTED, "auth-failed") in owner.states)

    async def test_an_action_is_answered(self, owner: Owner) -> None:
        assert (await owner.client.send("Ping", {})).get("Response") == "Success"

    async def test_a_refused_action(self, owner: Owner) -> None:
        with pytest.raises(ActionFailed) as caught:
            await owner.client.send("NoSuchAction", {})
        assert caught.value.fields["action"] == "NoSuchAction"

    async def test_repeated_headers_of_an_answer(self, owner: Owner) -> None:
        answer = await owner.client.send("Command", {"Command": "manager show command Ping"})
        assert len(answer.get_all("Output")) > 1

    async def test_a_list(self, owner: Owner) -> None:
        assert await owner.client.collect("CoreShowChannels", {}, "CoreShowChannelsComplete") == []

    @pytest.mark.parametrize("name", NAMES)
    async def test_text_from_outside_comes_back_as_it_went(self, owner: Owner, name: str) -> None:
        await owner.client.send("UserEvent", {"UserEvent": "Named", "Name": name})
        await owner.until(lambda: owner.named("UserEvent"))
        assert owner.named("UserEvent")[0].get("Name") == name

    async def test_many_pipelined_actions_keep_their_order(self, owner: Owner) -> None:
        actions = [("UserEvent", {"UserEvent": "Numbered", "N": n}) for n in range(300)]
        await asyncio.gather(*owner.client.send_many(actions))
        await owner.until(lambda: len(owner.named("UserEvent")) == 300)
        assert [message.get("N") for message in owner.named("UserEvent")] == [str(n) for n in range(300)]

    async def test_an_independent_client_agrees(self, owner: Owner, port: int) -> None:
        loop = asyncio.get_running_loop()
        other = panoramisk.Manager(loop=loop, host="127.0.0.1", port=port, username="cc", secret=self.secret)
        await other.connect()
        async with asyncio.timeout(3):
            while not other.authenticated:
                await asyncio.sleep(0.01)
        seen: list[Any] = []
        other.register_event("UserEvent", lambda _, event: seen.append(event.N))
        await other.send_action({"Action": "UserEvent", "UserEvent": "Theirs", "N": "7"})
        await owner.client.send("UserEvent", {"UserEvent": "Ours", "N": "8"})
        await self.agreed(owner, seen)
        other.close()

    async def agreed(self, owner: Owner, seen: list[Any]) -> None:
        # panoramisk takes an event that carries its own ActionID and comes before the answer for the answer.
        await owner.until(lambda: len(owner.named("UserEvent")) == 2 and "8" in seen)
        # Asterisk orders the events of one session's actions, not those of two.
        assert sorted(message.get("N") for message in owner.named("UserEvent")) == ["7", "8"]


@pytest.mark.asyncio(loop_scope="class")
class TestTinyServer(AmiContract):
    @pytest_asyncio.fixture(scope="class", loop_scope="class")
    async def port(self) -> AsyncIterator[int]:
        async with tiny_ami() as server:
            server.handlers["userevent"] = broadcast
            yield server.port


@pytest.mark.asyncio(loop_scope="class")
class TestSimulatedPbx(AmiContract):
    secret = "Simulated1Secret"

    @pytest_asyncio.fixture(scope="class", loop_scope="class")
    async def port(self, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[int]:
        run, ami = tmp_path_factory.mktemp("pbx"), free_port()
        settings = PbxSettings("sim", ami, self.secret, 1, 2, 3, run / "recordings", ami_user="cc")
        async with simulated_pbx(settings, run):
            yield ami

    async def test_repeated_headers_of_an_answer(self, owner: Owner) -> None:
        """There is no console: refused, as Asterisk refuses it to the user we provision."""
        with pytest.raises(ActionFailed):
            await owner.client.send("Command", {"Command": "manager show command Ping"})


@pytest.mark.asyncio(loop_scope="class")
class TestRealAsterisk(AmiContract):
    @pytest_asyncio.fixture(scope="class", loop_scope="class")
    async def port(self, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[int]:
        if not (PREFIX / "asterisk").exists():
            pytest.skip("no Asterisk: set ASTERISK_PREFIX")
        port = free_port()
        async with bare_asterisk(tmp_path_factory.mktemp("pbx"), ami_files(port)):
            yield port


def broadcast(session: Session, action: Action) -> None:
    """Answer, and send the event to every session, as Asterisk does."""
    server: TinyAmi = session.server
    session.respond(action, "Message: Event Sent")
    rest = [f"{name}: {value}" for name, value in action.items() if name != "Action"]
    for each in server.sessions:
        each.write(block("Event: UserEvent", "Privilege: user,all", *rest))

"""Flows: read again when a file changes; a typo is named with file, line and reason, and harms nobody before."""

import asyncio
import os

import pytest

from contactcenter.core.tasks import TaskSupervisor
from contactcenter.flow_files import FlowFiles, known_names, named_by
from contactcenter.queues.model import Queue, Way
from ivr.announcements import EVERY
from ivr.prompts import PromptFiles
from tests.unit.ivr.test_prompts import Voice

GOOD = "start: queue\nnodes:\n  queue: {kind: enqueue, queue: %s}\n"
KNOWN = known_names([("q1", "Support")], ["german"])
MAIN = {"main": "the number 2000"}


@pytest.fixture
async def files(tmp_path):
    tasks = TaskSupervisor()
    yield FlowFiles(tmp_path, PromptFiles(tmp_path / "prompts"), tasks)
    await tasks.close()
    assert tasks.failures == {}


def write(files, text, name="main", at=1):
    path = files.folder / f"{name}.yaml"
    path.write_text(text)
    os.utime(path, (at, at))


async def test_a_queue_that_does_not_exist_is_named_with_its_line(files):
    write(files, GOOD % "suport")
    await files.read(KNOWN)
    (told,) = files.degraded(MAIN)
    assert told["code"] == "flow-invalid"
    assert told["fields"] == {"file": "main.yaml", "line": 3, "reason": "the queue 'suport' does not exist"}
    assert files.find("main") is not None, "at the start the rest of it serves callers"


@pytest.mark.parametrize("name", ["support", "SUPPORT", "q1"])
async def test_queues_are_named_in_any_case_or_by_id(files, name):
    write(files, GOOD % name)
    await files.read(KNOWN)
    assert files.degraded(MAIN) == []


async def test_a_typo_leaves_the_version_in_force(files):
    write(files, GOOD % "support")
    await files.read(KNOWN)
    before = files.find("main")
    for at, text in enumerate([GOOD % "suport", "start: [\n"], 2):
        write(files, text, at=at)
        await files.read(KNOWN)
        assert files.find("main") == before
        assert [one["code"] for one in files.degraded(MAIN)] == ["flow-invalid"]
    write(files, "title: new\n" + GOOD % "support", at=9)
    await files.read(KNOWN)
    assert files.degraded(MAIN) == []


async def test_a_queue_that_comes_makes_the_flow_whole(files):
    write(files, GOOD % "sales")
    await files.read(KNOWN)
    assert files.degraded(MAIN) != []
    await files.read(known_names([("q1", "Support"), ("q2", "Sales")], ["german"]))
    assert files.degraded(MAIN) == []


async def test_only_flows_that_something_leads_to_count(files):
    write(files, GOOD % "suport", "draft")
    await files.read(KNOWN)
    assert files.degraded({"gone": "the number 2000"}) == [
        {
            "code": "flow-invalid",
            "since": None,
            "fields": {"file": "gone.yaml", "line": 0, "reason": "no such file, but the number 2000 leads to it"},
        }
    ]


async def test_the_watch_tells_of_a_changed_file(files, monkeypatch):
    monkeypatch.setattr("contactcenter.flow_files.WATCH_SECONDS", 0)
    write(files, GOOD % "support")
    await files.read(KNOWN)
    write(files, GOOD % "sales", at=5)

    class Told(Exception):
        pass

    def tell():
        raise Told

    with pytest.raises(Told):
        await files.watch(tell)


async def test_the_standard_flows_are_there_and_a_file_of_that_name_stands_in_front(files):
    await files.read(KNOWN)
    assert files.degraded({}) == []
    assert {"closed", "busy"} <= set(files.flows.flows)
    write(files, GOOD % "support", "closed")
    await files.read(KNOWN)
    assert list(files.find("closed").nodes) == ["queue"]


async def test_flows_that_queues_lead_to_count(files):
    queue = Queue("q1", "main", "Support", when_full=Way(flow="gone"), when_nobody=Way(queue_id="q2"))
    asleep = Queue("q2", "main", "Sales", when_full=Way(flow="lost"), is_active=False)
    named = named_by({"2000": "busy"}, [queue, asleep])
    assert named == {"busy": "the number 2000", "gone": "the queue Support"}
    await files.read(KNOWN)
    [told] = files.degraded(named)
    assert told["fields"] == {
        "file": "gone.yaml",
        "line": 0,
        "reason": "no such file, but the queue Support leads to it",
    }


async def test_long_texts_keep_nobody_waiting(files, monkeypatch):
    """Queues and agents changed in the same moment hold at once; the flow once it can be heard."""
    speaking, spoken = asyncio.Event(), asyncio.Event()

    async def prepare(flows):
        speaking.set()
        await spoken.wait()
        return 0

    write(files, GOOD % "support")
    await files.read(KNOWN)
    monkeypatch.setattr(PromptFiles, "prepare", lambda self, flows: prepare(flows))
    write(files, GOOD % "q1", at=2)
    async with asyncio.timeout(2):
        await files.read(KNOWN)
    assert speaking.is_set()
    before = files.find("main")
    spoken.set()
    async with asyncio.timeout(2):
        while files.find("main") == before:
            await asyncio.sleep(0)


async def test_sentences_of_no_flow_are_spoken_once_in_the_background(files):
    voice = Voice()
    files.prompts.speaker = voice
    files.speak(EVERY[:2])
    files.speak(EVERY[:2])
    async with asyncio.timeout(5):
        while len(voice.spoken) < 6:
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)
    files.speak(EVERY[:2])
    await asyncio.sleep(0.1)
    assert sorted(voice.spoken) == sorted(pair for one in EVERY[:2] for pair in one.texts.items())
    assert files.prompts.spoken(EVERY[0].texts, "ru")

import asyncio
import gc

import pytest

from contactcenter.core.tasks import TaskSupervisor, run_all


@pytest.fixture
async def tasks():
    supervisor = TaskSupervisor()
    yield supervisor
    await supervisor.close()


async def fails():
    raise ValueError("a fault of ours")


async def turns(number=5):
    for _ in range(number):
        await asyncio.sleep(0)


async def test_a_failure_is_seen_and_counted(tasks):
    tasks.spawn("bad", fails())
    tasks.spawn("bad", fails())
    await turns()
    assert tasks.failures == {"bad": 2}


async def test_a_spawned_task_is_kept_until_it_ends(tasks):
    reached = asyncio.Event()
    go = asyncio.get_running_loop().create_future()

    async def waits():
        await go
        reached.set()

    tasks.spawn("waits", waits())
    gc.collect()
    go.set_result(None)
    await turns()
    assert reached.is_set()


async def test_what_is_kept_is_started_again_until_it_ends_well(tasks):
    runs = []

    async def twice_bad():
        runs.append(1)
        if len(runs) < 3:
            raise OSError

    await tasks.keep("stubborn", twice_bad, pause=0)
    assert len(runs) == 3
    assert tasks.failures == {"stubborn": 2}


async def test_close_ends_every_task_and_counts_no_failure():
    supervisor = TaskSupervisor()
    ended = []

    async def waits(name):
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(name)

    for name in "abc":
        supervisor.spawn(name, waits(name))
    await turns()
    await supervisor.close()
    assert sorted(ended) == ["a", "b", "c"]
    assert supervisor.failures == {}


async def test_all_have_ended_before_a_cancelled_run_ends():
    ended, begun = [], asyncio.Event()

    async def reaps(name, turns_needed):
        begun.set()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            await turns(turns_needed)
            ended.append(name)

    run = asyncio.get_running_loop().create_task(run_all([reaps("quick", 0), reaps("slow", 5)]))
    await begun.wait()
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert sorted(ended) == ["quick", "slow"]


async def test_answers_come_in_order():
    async def answers(number):
        await turns(3 - number)
        return number

    assert await run_all(answers(number) for number in range(3)) == [0, 1, 2]

"""Two who change the same settings: who names the version he read does not write over the other's."""

import pytest

KINDS = {
    "queue": ("PATCH", {"goal": 90}, {"ring_time": 30}),
    "profile": ("PATCH", {"name": "Others"}, {"skills": {}}),
    "agent": ("PATCH", {"name": "Ines V."}, {"capacity": {"voice": 1}}),
    "skill": ("PUT", {"name": "german", "label": "Deutsch"}, {"name": "german", "label": "Allemand"}),
    "team": ("PUT", {"name": "North"}, {"name": "South"}),
}


async def made(site, kind):
    """Return the path of a thing of this kind, and the thing."""
    admin = site.browsers["admin"]
    if kind == "agent":
        path = f"/api/v1/agents/{site.ines.agent_id}"
        return path, (await admin("GET", path, status=200)).data
    base, body = {
        "queue": ("/api/v1/queues", {"name": "Support"}),
        "profile": ("/api/v1/routing-profiles", {"name": "Seniors"}),
        "skill": ("/api/v1/skills", {"name": "german", "label": "German"}),
        "team": ("/api/v1/teams", {"name": "West"}),
    }[kind]
    answer = await admin("POST", base, body, status=201)
    return f"{base}/{answer.data['id']}", answer.data


def tag(thing):
    return f'"{thing["version"]}"'


@pytest.mark.parametrize("kind", KINDS)
async def test_of_two_who_read_the_same_the_second_is_refused(site, kind):
    admin = site.browsers["admin"]
    path, before = await made(site, kind)
    method, first, second = KINDS[kind]
    answer = await admin(method, path, first, status=200, headers={"If-Match": tag(before)})
    assert answer.data["version"] > before["version"]
    assert answer.headers["ETag"] == tag(answer.data)
    refused = (await admin(method, path, second, status=412, headers={"If-Match": tag(before)})).data["error"]
    assert refused["code"] == "changed-meanwhile"
    assert (refused["fields"]["version"], refused["fields"]["by"]) == (answer.data["version"], site.admin.user_id)
    assert refused["fields"]["at"].startswith("2026-01-05T09:00:00.000")
    assert set(refused["fields"]["fields"]) <= set(first)
    if method == "PATCH":
        read = await admin("GET", path, status=200)
        assert (read.data, read.headers["ETag"]) == (answer.data, tag(answer.data))
    again = (await admin(method, path, second, status=200, headers={"If-Match": tag(answer.data)})).data
    assert again["version"] == answer.data["version"] + 1
    assert (await admin(method, path, first, status=200)).data["version"] == again["version"] + 1  # as before


async def test_a_former_version_of_an_agent(site):
    admin, ines = site.browsers["admin"], site.browsers["ines"]
    path, before = await made(site, "agent")
    changed = (await admin("PATCH", path, {"capacity": {"chat": 3}, "name": "Ines V."}, status=200)).data
    newest, *_, oldest = (await admin("GET", f"{path}/history", status=200)).data["items"]
    assert (newest["version"], newest["fields"], newest["by"]) == (
        changed["version"],
        ["capacity", "name"],
        site.admin.user_id,
    )
    assert newest["settings"]["capacity"] == {"chat": 3}
    assert set(newest["settings"]) == {"team_id", "profile_id", "skills", "queues", "capacity"}
    await admin(
        "POST", f"{path}/restore", {"version": oldest["version"]}, status=412, headers={"If-Match": tag(before)}
    )
    restored = (await admin("POST", f"{path}/restore", {"version": before["version"]}, status=200)).data
    assert restored == changed | {"capacity": None, "effective": before["effective"], "version": changed["version"] + 1}
    await ines("GET", f"{path}/history", status=403)
    await ines("POST", f"{path}/restore", {"version": 1}, status=403)


@pytest.mark.parametrize("kind", ["queue", "profile"])
async def test_a_former_version_is_not_restored_over_what_nobody_saw(site, kind):
    admin = site.browsers["admin"]
    path, before = await made(site, kind)
    await admin("PATCH", path, KINDS[kind][1], status=200)
    await admin("POST", f"{path}/restore", {"version": 1}, status=412, headers={"If-Match": tag(before)})
    restored = (await admin("POST", f"{path}/restore", {"version": 1}, status=200, headers={"If-Match": '"2"'})).data
    assert restored == before | {"version": 3}


@pytest.mark.parametrize("given", ["1", '"one"', 'W/"1"', '"1", "2"', '""', '"-1"', '"99999999999999999999"'])
async def test_what_is_no_version_is_refused(site, given):
    path, before = await made(site, "queue")
    admin = site.browsers["admin"]
    answer = await admin("PATCH", path, {"goal": 90}, status=400, headers={"If-Match": given})
    assert answer.data["error"]["fields"] == {"if-match": "not-a-version"}
    assert (await admin("GET", path, status=200)).data == before
    await admin("PATCH", path, {"goal": 90}, status=200, headers={"If-Match": "*"})


async def test_the_description_tells_of_the_version(site):
    paths = (await site.browsers["admin"]("GET", "/api/v1/openapi.json", status=200)).data["paths"]
    guarded = {
        (method, path)
        for path, methods in paths.items()
        for method, operation in methods.items()
        if any(one["name"] == "If-Match" for one in operation.get("parameters", ()))
    }
    changed = {
        ("patch", "/api/v1/queues/{queue_id}"),
        ("patch", "/api/v1/routing-profiles/{profile_id}"),
        ("patch", "/api/v1/agents/{agent_id}"),
        ("put", "/api/v1/skills/{skill_id}"),
        ("put", "/api/v1/teams/{team_id}"),
    }
    assert changed <= guarded
    assert all(path.endswith("/restore") for _, path in guarded - changed)

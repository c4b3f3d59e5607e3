import json
import re

from contactcenter.core.web.routes import MOUNTED


async def described(site):
    return (await site.browsers["ines"]("GET", "/api/v1/openapi.json", status=200)).data


async def test_it_lists_every_api_route_and_nothing_else(site):
    found = {(m.upper(), p) for p, item in (await described(site))["paths"].items() for m in item}
    assert found == {(r.method, r.path) for r in site.client.app[MOUNTED].values() if r.kind == "api"}
    assert len(found) > 40


async def test_it_is_whole(site):
    """What OpenAPI 3.1 asks: fields, unique operation ids, every reference resolved, every placeholder a parameter."""
    document = await described(site)
    assert document["openapi"].startswith("3.1.")
    assert {"title", "version"} <= set(document["info"])
    schemas = document["components"]["schemas"]
    references = set(re.findall(r'"\$ref": ?"([^"]+)"', json.dumps(document)))
    assert references
    assert all(r.removeprefix("#/components/schemas/") in schemas for r in references)
    assert "$defs" not in str(document)
    ids = []
    for path, item in document["paths"].items():
        for operation in item.values():
            ids.append(operation["operationId"])
            placed = {p["name"] for p in operation.get("parameters", []) if p["in"] == "path"}
            assert placed == set(re.findall(r"\{(\w+)\}", path))
            assert "default" in operation["responses"]
            assert any(status.startswith("2") for status in operation["responses"])
            assert operation["x-right"]
            for scheme in operation["security"]:
                assert set(scheme) <= set(document["components"]["securitySchemes"])
    assert len(ids) == len(set(ids))


async def test_answers_match_their_description(site):
    """A resource and an error as served, against their schemas."""
    document = await described(site)
    person = (await site.browsers["ines"]("POST", "/api/v1/people", {"name": "X"}, status=201)).data
    answer = document["paths"]["/api/v1/people"]["post"]["responses"]["201"]["content"]["application/json"]["schema"]
    schema = document["components"]["schemas"][answer["$ref"].rpartition("/")[2]]
    assert set(schema["required"]) == set(schema["properties"]) == set(person)
    assert schema["additionalProperties"] is False


async def test_bodies_say_what_they_refuse(site):
    schemas = (await described(site))["components"]["schemas"]
    for name in ("PersonIn", "TicketIn", "TicketPatch", "UserIn", "AgentIn", "QueueIn", "SignInIn", "TokenIn"):
        assert schemas[name]["additionalProperties"] is False, name

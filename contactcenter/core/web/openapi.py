"""The API's description, OpenAPI 3.1 (https://spec.openapis.org/oas/v3.1.0), generated from the registry alone."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from aiohttp import web
from pydantic import BaseModel, TypeAdapter

from contactcenter.core.permissions import Right
from contactcenter.core.web.errors import ErrorBody
from contactcenter.core.web.routes import Call, Route, Routes

PATH: Final = "/api/v1/openapi.json"
_REF: Final = "#/components/schemas/{model}"
_PLACEHOLDER: Final = re.compile(r"\{(\w+)(?::[^{}]*)?\}")


def describe(routes: Routes) -> None:
    """Add the route that serves the description of these routes, itself included."""
    made: dict[str, Any] = {}

    async def read_openapi(call: Call[None]) -> web.Response:
        if not made:
            made.update(openapi(routes.routes))
        return web.json_response(made)

    routes.get(PATH, right=Right.SIGNED_IN, returns=dict[str, Any], tag="api")(read_openapi)


def openapi(routes: Sequence[Route]) -> dict[str, Any]:
    """Return the description of every api route as plain data."""
    schemas: dict[str, Any] = {}
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        if route.kind == "api":
            path = _PLACEHOLDER.sub(r"{\1}", route.path)
            paths.setdefault(path, {})[route.method.lower()] = _operation(route, schemas)
    schemas.update(_schema(ErrorBody, schemas, "serialization", only_definitions=True))
    return {
        "openapi": "3.1.0",
        "info": {"title": "contactcenter", "version": "1"},
        "paths": paths,
        "components": {"schemas": dict(sorted(schemas.items())), "securitySchemes": _SCHEMES},
    }


_SCHEMES: Final = {
    "session": {"type": "apiKey", "in": "cookie", "name": "cc_session"},
    "token": {"type": "http", "scheme": "bearer"},
}


_IF_MATCH: Final = {
    "name": "If-Match",
    "in": "header",
    "required": False,
    "description": "the version read; answered 412 `changed-meanwhile` when it is another by now",
    "schema": {"type": "string", "pattern": '^(\\*|"[0-9]{1,9}")$'},
}


def _operation(route: Route, schemas: dict[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.name,
        "summary": _summary(route),
        "tags": [route.tag or "api"],
        "x-right": route.right.value,
        "security": [] if route.right is Right.PUBLIC else [{"session": []}, {"token": []}],
        "responses": _responses(route, schemas),
    }
    parameters = [*_path_parameters(route), *_query_parameters(route, schemas), *([_IF_MATCH] if route.guarded else [])]
    if parameters:
        operation["parameters"] = parameters
    if route.body is not None:
        content = {"application/json": {"schema": _schema(route.body, schemas, "validation")}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _summary(route: Route) -> str:
    text = (route.handler.__doc__ or "").strip().partition("\n")[0] if route.handler else ""
    return text or route.name.replace("_", " ").capitalize()


def _responses(route: Route, schemas: dict[str, Any]) -> dict[str, Any]:
    error = {"application/json": {"schema": {"$ref": _REF.format(model=ErrorBody.__name__)}}}
    responses: dict[str, Any] = {"default": {"description": "An error with its code", "content": error}}
    if route.returns is None:
        responses["204"] = {"description": "Done"}
    else:
        content = {route.media_type: {"schema": _schema(route.returns, schemas, "serialization")}}
        responses[str(route.status)] = {"description": "The result", "content": content}
    return responses


def _path_parameters(route: Route) -> list[dict[str, Any]]:
    names = _PLACEHOLDER.findall(route.path)
    return [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names]


def _query_parameters(route: Route, schemas: dict[str, Any]) -> list[dict[str, Any]]:
    if route.query is None:
        return []
    schema = route.query.model_json_schema(ref_template=_REF)
    schemas.update(schema.get("$defs", {}))
    needed = schema.get("required", [])
    return [
        {"name": name, "in": "query", "required": name in needed, "schema": part}
        for name, part in schema.get("properties", {}).items()
    ]


def _schema(kind: Any, schemas: dict[str, Any], mode: Any, *, only_definitions: bool = False) -> dict[str, Any]:
    """Return the schema of a model as a reference, its definition put among ``schemas``; other types inline."""
    schema = TypeAdapter(kind).json_schema(ref_template=_REF, mode=mode)
    definitions = schema.pop("$defs", {})
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        name = re.sub(r"[^A-Za-z0-9]+", "_", kind.__name__).strip("_")
        definitions[name] = schema
        schema = {"$ref": _REF.format(model=name)}
    _add(definitions, schemas)
    return definitions if only_definitions else schema


def _add(definitions: Mapping[str, Any], schemas: dict[str, Any]) -> None:
    """Put definitions among the others. Raises ValueError where two models have one name: one would vanish."""
    for name, definition in definitions.items():
        if schemas.setdefault(name, definition) != definition:
            raise ValueError(f"two different models are called {name}")

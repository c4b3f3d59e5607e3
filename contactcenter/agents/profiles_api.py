"""REST resources of routing profiles, and the form of skills, queues and capacity that agents share with them."""

from typing import Annotated, Any

from pydantic import Field

from contactcenter.agents.model import MAX_DELAY, MAX_ORDER, Queues, RoutingProfile
from contactcenter.agents.profiles import ProfileService, profile_of
from contactcenter.core.ids import QueueId
from contactcenter.core.permissions import Right
from contactcenter.core.versions import Version
from contactcenter.core.web.routes import Call, Routes
from contactcenter.core.web.schemas import Body, Code, Id, Label, PageOut, PageQuery, VersionedOut, given, page_of
from contactcenter.core.web.versions import RestoreIn, VersionOut, version_fields
from routing.commands import Service

routes = Routes()
Level = Annotated[int, Field(ge=1, le=10)]
Skills = Annotated[dict[Id, Level], Field(max_length=200)]


class ServiceBody(Body):
    """How a queue is served: lower ``order`` first, and only items that have waited ``delay`` seconds."""

    order: Annotated[int, Field(ge=0, le=MAX_ORDER)] = 0
    delay: Annotated[float, Field(ge=0, le=MAX_DELAY, description="seconds")] = 0.0


QueuesBody = Annotated[
    dict[Id, ServiceBody], Field(max_length=500, description="by queue id; null: every queue whose skills he has")
]
CapacityBody = Annotated[
    dict[Code, Annotated[int, Field(ge=1, le=50)]],
    Field(max_length=10, description="by medium: how many interactions fill an agent alone; of voice only 1 as yet"),
]


class ProfilePatch(Body):
    """What to change of a routing profile; fields left out stay, what is given is replaced whole."""

    name: Label = ""
    skills: Skills = Field(default_factory=dict)
    queues: QueuesBody | None = None
    capacity: CapacityBody = Field(default_factory=lambda: {"voice": 1})


class ProfileIn(ProfilePatch):
    """A new routing profile; what is left out gets the usual value."""

    name: Label


class ProfileOut(VersionedOut):
    """What many agents have in common."""

    id: str
    name: str
    skills: dict[str, int]
    queues: dict[str, ServiceBody] | None
    capacity: dict[str, int]


class ProfileVersionOut(VersionOut):
    """A routing profile as it was after a change."""

    settings: ProfileOut


class ProfileVersions(PageOut[ProfileVersionOut]):
    """A routing profile's versions, the newest first."""


_ALL, _ONE = "/api/v1/routing-profiles", "/api/v1/routing-profiles/{profile_id}"


@routes.get(_ALL, right=Right.QUEUES_READ, returns=list[ProfileOut], tag="agents")
async def list_profiles(call: Call[None]) -> list[ProfileOut]:
    """List the routing profiles in reach."""
    return [_profile_out(one) for one in await call.services[ProfileService].list_profiles(call.principal)]


@routes.post(_ALL, right=Right.QUEUES_WRITE, body=ProfileIn, returns=ProfileOut, status=201, tag="agents")
async def create_profile(call: Call[ProfileIn]) -> ProfileOut:
    """Create a routing profile."""
    return _profile_out(await call.services[ProfileService].create_profile(call.principal, _values(call.body)))


@routes.get(_ONE, right=Right.QUEUES_READ, returns=ProfileOut, tag="agents")
async def get_profile(call: Call[None]) -> ProfileOut:
    """Read one routing profile."""
    return _profile_out(await call.services[ProfileService].get_profile(call.principal, call.path["profile_id"]))


@routes.patch(_ONE, right=Right.QUEUES_WRITE, body=ProfilePatch, returns=ProfileOut, tag="agents", guarded=True)
async def update_profile(call: Call[ProfilePatch]) -> ProfileOut:
    """Change a routing profile, for everybody who has it."""
    service, profile_id = call.services[ProfileService], call.path["profile_id"]
    return _profile_out(await service.update_profile(call.principal, profile_id, _values(call.body), call.version))


@routes.delete(_ONE, right=Right.QUEUES_WRITE, tag="agents")
async def delete_profile(call: Call[None]) -> None:
    """Delete a routing profile nobody has."""
    await call.services[ProfileService].delete_profile(call.principal, call.path["profile_id"])


@routes.get(f"{_ONE}/history", right=Right.QUEUES_WRITE, query=PageQuery, returns=ProfileVersions, tag="agents")
async def list_profile_versions(call: Call[None]) -> PageOut[ProfileVersionOut]:
    """List what a routing profile was after each change, the newest first."""
    service = call.services[ProfileService]
    page = await service.profile_history(call.principal, call.path["profile_id"], call.query.paging)
    return page_of(page, ProfileVersions, _version_out)


@routes.post(
    f"{_ONE}/restore", right=Right.QUEUES_WRITE, body=RestoreIn, returns=ProfileOut, tag="agents", guarded=True
)
async def restore_profile(call: Call[RestoreIn]) -> ProfileOut:
    """Set a routing profile as it was in a former version."""
    service, profile_id = call.services[ProfileService], call.path["profile_id"]
    return _profile_out(await service.restore_profile(call.principal, profile_id, call.body.version, call.version))


def services_of(queues: dict[str, ServiceBody] | None) -> Queues | None:
    """Return queues as a request gives them in the room's form."""
    if queues is None:
        return None
    return {QueueId(queue_id): Service(one.order, one.delay) for queue_id, one in queues.items()}


def queues_out(queues: Queues | None) -> dict[str, ServiceBody] | None:
    """Return queues and how they are served for the API."""
    if queues is None:
        return None
    return {queue_id: ServiceBody(order=one.order, delay=one.delay) for queue_id, one in queues.items()}


def _values(body: ProfilePatch) -> dict[str, Any]:
    values: dict[str, Any] = given(body)
    return values | {"queues": services_of(body.queues)} if "queues" in values else values


def _profile_out(profile: RoutingProfile) -> ProfileOut:
    return ProfileOut(
        id=profile.profile_id,
        name=profile.name,
        skills={str(skill): level for skill, level in profile.skills.items()},
        queues=queues_out(profile.queues),
        capacity=dict(profile.capacity),
        version=profile.version,
    )


def _version_out(version: Version) -> ProfileVersionOut:
    return ProfileVersionOut(**version_fields(version), settings=_profile_out(profile_of(version)))

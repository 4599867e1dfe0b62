"""Keep a restricted user or key to its events. What names no event is refused.

So a new endpoint is closed to restricted callers until its path or body names an event.
"""

import json
from typing import Any

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel

from ticketing.access.caller import Caller
from ticketing.access.event_scope_queries import list_event_ids
from ticketing.platform.http.services import get_services

EVENT_FIELD = "eventId"


async def require_events_of_request(request: Request, caller: Caller) -> None:
    """Raise NotAllowed unless everything that the request names belongs to the caller's events."""
    if caller.event_ids is None:
        return
    named = {name: str(value) for name, value in request.path_params.items()}
    if _takes_event_in_body(request):
        body = _event_in_body(await request.body())
        if body:
            named["event"] = body
    database = get_services(request).database
    for event_id in await run_in_threadpool(database.run, list_event_ids, named) or [None]:
        caller.require_event(event_id)


def _takes_event_in_body(request: Request) -> bool:
    """Return whether the route reads the event from its body; others may ignore such a field."""
    field: Any = getattr(request.scope.get("route"), "body_field", None)
    model = None if field is None else field.field_info.annotation
    return (
        isinstance(model, type)
        and issubclass(model, BaseModel)
        and any(one.alias == EVENT_FIELD for one in model.model_fields.values())
    )


def _event_in_body(body: bytes) -> str:
    """Return the event of a JSON body; empty if there is none, which the route refuses."""
    try:
        fields = json.loads(body)
    except ValueError:
        return ""
    if not isinstance(fields, dict) or "event_id" in fields:  # the model takes either name
        return ""
    return str(fields.get(EVENT_FIELD) or "")

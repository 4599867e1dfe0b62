"""The request parameter that refers to an event."""

from typing import Annotated

from pydantic import Field

from ticketing.platform.http.envelope import Id

EventReference = Annotated[
    Id | Annotated[str, Field(pattern="^[a-z0-9-]{1,63}$")],
    Field(description="The event's id or slug."),
]

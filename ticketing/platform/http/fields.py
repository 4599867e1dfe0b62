"""Types of fields and path parameters that mean the same everywhere, with their descriptions.

A field that occurs once is described by the docstring under it.
"""

from typing import Annotated, Any

from fastapi import Path
from pydantic import Field

from ticketing.platform.http.envelope import MAX_ID


def _id_in_path(description: str) -> Any:  # noqa: ANN401 - FastAPI's parameters have no type
    return Path(ge=1, le=MAX_ID, description=description)


GuestIdInPath = Annotated[int, _id_in_path("The guest's id.")]
WaitingEntryIdInPath = Annotated[int, _id_in_path("The id of an entry of a waiting list.")]
ImportIdInPath = Annotated[int, _id_in_path("The `importId` of the upload's answer.")]
OrderIdInPath = Annotated[int, _id_in_path("The order's id, not its code.")]
PurchaseIdInPath = Annotated[int, _id_in_path("The purchase's id, which is that of its order.")]
TicketIdInPath = Annotated[int, _id_in_path("The ticket's id, not its code.")]

EventId = Annotated[int, Field(description="The event's id.")]
GuestId = Annotated[int, Field(description="The guest's id.")]
PurchaseId = Annotated[int, Field(description="The purchase's id, which is that of its order.")]
TicketId = Annotated[int, Field(description="The ticket's id.")]
OrderCode = Annotated[str, Field(description="Code of the order: `ORD-` and 12 characters.")]
TicketCode = Annotated[
    str, Field(description="The code printed on the ticket, as in `TC-2026-7K3M9QXA`.")
]
PlanHash = Annotated[str, Field(description="Identifies the plan; send it back to apply it.")]
OrderToken = Annotated[
    str, Field(description="The secret of the order, for `X-Order-Token`; returned only once.")
]
OrderPageUrl = Annotated[str, Field(description="Address of the buyer's page; it is a secret.")]

FirstName = Annotated[str, Field(description="First name; empty if only a full name is known.")]
LastName = Annotated[str, Field(description="Last name; empty if only a full name is known.")]
FullName = Annotated[str, Field(description="The name as printed on the ticket.")]
Seat = Annotated[str, Field(description="The seat; empty without one.")]
TicketTypeName = Annotated[str, Field(description="Name of the ticket type, for example VIP.")]
ExternalId = Annotated[
    str | None, Field(description="The guest's id in the organiser's roster; null without one.")
]

TotalCount = Annotated[int, Field(description="Number of items on all pages.")]
PageLimit = Annotated[int, Field(description="The requested greatest number of items on a page.")]
PageOffset = Annotated[int, Field(description="Number of items before this page.")]

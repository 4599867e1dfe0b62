"""What only an admin may do, in one table. A test compares it with every operation of the API.

Commands of the command line ask for no user: whoever may run them has the database and the secret.
They are listed, so that an endpoint for one of them starts from the same table.
"""

from dataclasses import dataclass
from enum import StrEnum

from ticketing.access.caller import Caller, Role


class AdminAction(StrEnum):
    """An action that needs the role admin, in words."""

    APPLY_REFUND = "Refund an order: apply a plan"
    CANCEL_EVENT = "Cancel an event: apply a plan"
    GO_LIVE = "Clear the rehearsals of an event"
    MANAGE_API_KEYS = "Create, rotate and revoke API keys"
    MANAGE_USERS = "Create and change users, end their sessions"
    CHANGE_ROUTER_SECRETS = "Add routers and change their passwords"
    EXPORT_PERSON = "Export what is known of a person"
    PLAN_ERASURE = "Plan the erasure of a person"
    ERASE_PERSON = "Erase a person: apply a plan"
    SET_RETENTION = "Set how long people's data are kept"
    MAKE_BACKUP = "Back up, verify and delete backups"
    RESTORE_BACKUP = "Restore a backup, and end what it holds back"
    ROTATE_TICKET_KEYS = "Rotate the keys that sign tickets"


@dataclass(frozen=True, slots=True)
class Way:
    """How an action is done: an operation of the HTTP API, or a command."""

    command: str
    operation: str = ""  # method and path of the OpenAPI description
    only_with: str = ""  # the field of the body that makes the operation this action


WAYS: dict[AdminAction, Way] = {
    AdminAction.APPLY_REFUND: Way(
        "ticketing refunds apply", "POST /api/orders/{order_id}/refunds", "planHash"
    ),
    AdminAction.CANCEL_EVENT: Way("ticketing cancellations apply"),
    AdminAction.GO_LIVE: Way("ticketing go-live apply"),
    AdminAction.MANAGE_API_KEYS: Way("ticketing api-keys"),
    AdminAction.MANAGE_USERS: Way("ticketing users"),
    AdminAction.CHANGE_ROUTER_SECRETS: Way("ticketing routers"),
    AdminAction.EXPORT_PERSON: Way("ticketing people export", "POST /api/people/export"),
    AdminAction.PLAN_ERASURE: Way("ticketing people erase", "POST /api/people/erasures/plan"),
    AdminAction.ERASE_PERSON: Way("ticketing people erase", "POST /api/people/erasures"),
    AdminAction.SET_RETENTION: Way("ticketing people retention set"),
    AdminAction.MAKE_BACKUP: Way("ticketing backup"),
    AdminAction.RESTORE_BACKUP: Way("ticketing restore"),
    AdminAction.ROTATE_TICKET_KEYS: Way("ticketing keys rotate"),
}


def require_admin(caller: Caller, _action: AdminAction) -> None:
    """Raise NotAllowed unless the caller is an admin; the action names the row of the table."""
    caller.require(Role.ADMIN)

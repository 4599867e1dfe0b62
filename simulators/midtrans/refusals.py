"""Error responses of Snap and the Core API."""

from uuid import uuid4

UNAUTHORIZED = "Access denied due to unauthorized transaction, please check client or server key"
NOT_FOUND = "Transaction doesn't exist."
INVALID = "One or more parameters in the payload is invalid."
NOT_MODIFIABLE = "Merchant cannot modify the status of the transaction"


class MidtransRefusal(Exception):
    """Error response: HTTP status and body."""

    def __init__(self, status: int, body: dict[str, object]) -> None:
        super().__init__(body)
        self.status = status
        self.body = body


class SnapRefusal(MidtransRefusal):
    """Error response of Snap: a list of messages without a code."""

    def __init__(self, status: int, *messages: str) -> None:
        """Store the HTTP status and the messages."""
        super().__init__(status, {"error_messages": list(messages)})


class CoreRefusal(MidtransRefusal):
    """Error response of the Core API; the body repeats the code as a string."""

    def __init__(self, status: int, message: str, *problems: str) -> None:
        """Store the code, its message and the problems of the request."""
        body: dict[str, object] = {
            "status_code": str(status),
            "status_message": message,
            "id": str(uuid4()),
        }
        super().__init__(status, body | ({"validation_messages": [*problems]} if problems else {}))

"""How Midtrans says no: Snap and Core API each in their own form."""

from uuid import uuid4

UNAUTHORIZED = "Access denied due to unauthorized transaction, please check client or server key"
NOT_FOUND = "Transaction doesn't exist."
INVALID = "One or more parameters in the payload is invalid."
NOT_MODIFIABLE = "Merchant cannot modify the status of the transaction"


class MidtransRefusal(Exception):
    """An answer that is an error: its HTTP status and its body."""

    def __init__(self, status: int, body: dict[str, object]) -> None:
        """Take what goes over the wire."""
        super().__init__(body)
        self.status = status
        self.body = body


class SnapRefusal(MidtransRefusal):
    """Snap's form: a list of sentences and no code."""

    def __init__(self, status: int, *messages: str) -> None:
        """Take the HTTP status and the sentences."""
        super().__init__(status, {"error_messages": list(messages)})


class CoreRefusal(MidtransRefusal):
    """The Core API's form: the code again in the body, as a string."""

    def __init__(self, status: int, message: str, *problems: str) -> None:
        """Take the code, its sentence, and what is wrong with the request in particular."""
        body: dict[str, object] = {
            "status_code": str(status),
            "status_message": message,
            "id": str(uuid4()),
        }
        super().__init__(status, body | ({"validation_messages": [*problems]} if problems else {}))

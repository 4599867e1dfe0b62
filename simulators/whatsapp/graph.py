"""Error responses of Meta's Graph API."""

from simulators.http import HttpResponse

_ERROR_MESSAGES = {
    4: "Application request limit reached",
    100: "Invalid parameter",
    190: "Invalid OAuth access token.",
    368: "Temporarily blocked for policies violations",
    130429: "Rate limit hit",
    2500: "Unknown path components",
    131000: "Something went wrong",
    131005: "Access denied",
    131008: "Required parameter is missing",
    131009: "Parameter value is not valid",
    131016: "Service unavailable",
    131021: "Recipient cannot be sender",
    131026: "Message undeliverable",
    131030: "Recipient phone number not in allowed list",
    131031: "Business Account locked",
    131047: "Re-engagement message",
    131048: "Spam rate limit hit",
    131049: "This message was not delivered to maintain healthy ecosystem engagement.",
    131050: "User has stopped receiving marketing messages",
    131051: "Unsupported message type",
    131052: "Media download error",
    131053: "Media upload error",
    131056: "(Business Account, Consumer Account) pair rate limit hit",
    132000: "Number of parameters does not match the expected number of params",
    132001: "Template name does not exist in the translation",
    132012: "Parameter format does not match format in the created template",
    132015: "Template is paused",
    132016: "Template is disabled",
    133004: "Server temporarily unavailable",
    133006: "Phone number re-verification needed",
    133010: "Phone number not registered",
}
_STATUSES = {
    131005: 403,
    2500: 404,
    133004: 503,
    190: 401,
    0: 401,
    3: 403,
    10: 403,
    131031: 403,
    368: 403,
    131000: 500,
    131016: 503,
}


class GraphRefusal(Exception):
    """Error response of the Graph API."""

    def __init__(
        self, code: int, details: str = "", *, status: int | None = None, subcode: int | None = None
    ) -> None:
        """Store the error code that clients evaluate; most errors use HTTP 400."""
        super().__init__(code)
        self.code = code
        self.details = details
        self.subcode = subcode
        self.status = status or _STATUSES.get(code, 400)

    def to_response(self, headers: dict[str, str] | None = None) -> HttpResponse:
        """Return the error as an HTTP response."""
        error: dict[str, object] = {
            "message": f"(#{self.code}) {error_message(self.code)}",
            "type": "OAuthException",
            "code": self.code,
            "error_data": {"messaging_product": "whatsapp", "details": self.details},
            "fbtrace_id": f"SIM{self.code}",
        }
        if self.subcode is not None:
            error["error_subcode"] = self.subcode
        response = HttpResponse.json(self.status, {"error": error})
        return HttpResponse(response.status, response.body, response.headers | (headers or {}))


def error_message(code: int) -> str:
    """Return Meta's message for an error code."""
    return _ERROR_MESSAGES.get(code, "Unknown error")

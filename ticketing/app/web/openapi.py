"""What many operations share in the OpenAPI description: idempotency keys, and bodies of JSON."""

from typing import Any

from fastapi import FastAPI

from ticketing.access.authenticated_route import IDEMPOTENCY_HEADER
from ticketing.platform.http.envelope import ErrorResponse
from ticketing.platform.http.errors import JSON_MEDIA_TYPE

Operation = dict[str, Any]

_IDEMPOTENCY_KEY = {
    "name": IDEMPOTENCY_HEADER,
    "in": "header",
    "required": False,
    "schema": {"type": "string", "pattern": "^[\\x21-\\x7e]{1,255}$"},
    "example": "0b6f2f0e-6d0f-4a5e-9d3c-2f1f0c6f7a11",
}
_STORED = (
    "A fresh UUID. The same request sent again within 24 hours gets the same answer and has no"
    " effect; another request with the key is refused with 409 `key_reused`."
)
# FastAPI describes its own 422 wherever a parameter exists; ours has the envelope. The pages take
# any text as a parameter and have no 422.
_UNUSED_SCHEMAS = ("HTTPValidationError", "ValidationError")
_REPEATABLE = "Accepted and not needed: the call has the same result however often it is sent."
_UNREAD = "Accepted and not read: a request sent again is a new one."


def complete_openapi(app: FastAPI) -> None:
    """Make the application describe the header of every POST, and 415 wherever JSON is expected."""
    describe = app.openapi

    def described() -> dict[str, Any]:
        is_known = app.openapi_schema is not None
        schema = describe()
        if not is_known:
            for path in schema["paths"].values():
                for method, operation in path.items():
                    _complete(method, operation)
            for name in _UNUSED_SCHEMAS:
                schema["components"]["schemas"].pop(name, None)
        return schema

    app.openapi = described  # type: ignore[method-assign]  # FastAPI documents this way


def _complete(method: str, operation: Operation) -> None:
    if _UNUSED_SCHEMAS[0] in str(operation["responses"].get("422")):
        del operation["responses"]["422"]
    body = operation.get("requestBody", {}).get("content", {}).get(JSON_MEDIA_TYPE, {})
    has_model = "$ref" in body.get("schema", {})  # a vendor's body has none
    security = operation.get("security", [])
    is_stored = any("bearer" in scheme for scheme in security)
    if method == "post" and (security or has_model):
        _describe_key(operation, _STORED if is_stored else _REPEATABLE if security else _UNREAD)
    if method == "post" and is_stored:
        operation["responses"].setdefault("409", _error("The key is in use, or was used"))
    if has_model:
        operation["responses"].setdefault("415", _error("The body is not declared as JSON"))


def _describe_key(operation: Operation, text: str) -> None:
    """Add the header, or what the operation that reads it does not say itself."""
    parameters = operation.setdefault("parameters", [])
    known = [each for each in parameters if each["name"].lower() == IDEMPOTENCY_HEADER.lower()]
    for each in known:
        each.setdefault("description", text)
        each.setdefault("example", _IDEMPOTENCY_KEY["example"])
    if not known:
        parameters.append(_IDEMPOTENCY_KEY | {"description": text})


def _error(description: str) -> dict[str, Any]:
    reference = {"$ref": f"#/components/schemas/{ErrorResponse.__name__}"}
    return {"description": description, "content": {JSON_MEDIA_TYPE: {"schema": reference}}}

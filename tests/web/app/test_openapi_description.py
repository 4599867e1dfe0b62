"""Tests of what the OpenAPI description says about all operations, and that they do it."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from ticketing.access.caller import Role
from ticketing.events.model import Event
from ticketing.platform.http.envelope import RequestModel

VENDOR_CALLS = {  # stored once by the vendor's own ids
    "/api/payment/notification",
    "/voucher/payment-webhook",
    "/webhooks/whatsapp/{vendor}",
}


@pytest.fixture
def document(shop: httpx.Client, key_of: Callable[[Role], str]) -> dict[str, Any]:
    """Return the OpenAPI document."""
    key = {"Authorization": f"Bearer {key_of(Role.VIEWER)}"}
    described: dict[str, Any] = shop.get("/openapi.json", headers=key).json()
    return described


@pytest.fixture
def posts(document: dict[str, Any]) -> dict[str, dict[str, object]]:
    """Return the described POST operations by path."""
    paths = document["paths"]
    return {path: each["post"] for path, each in paths.items() if "post" in each}


def test_every_field_and_every_parameter_says_what_it_means(document: dict[str, Any]) -> None:
    fields = dict(_fields(document))
    parameters = {
        (method, path, one["name"]): one
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        for one in operation.get("parameters", [])
    }

    assert [where for where, field in fields.items() if not field.get("description")] == []
    assert [where for where, one in parameters.items() if not one.get("description")] == []
    assert len(fields) > len(parameters) > 0


def test_every_body_has_an_example_that_is_accepted(document: dict[str, Any]) -> None:
    models = {model.__name__: model for model in _request_models(RequestModel)}
    for path, operations in document["paths"].items():
        for operation in operations.values() if path not in VENDOR_CALLS else ():
            for media, body in operation.get("requestBody", {"content": {}})["content"].items():
                if media == "multipart/form-data":
                    assert body["example"].keys() <= body["schema"]["properties"].keys(), path
                    continue
                if media.startswith("image/"):
                    continue
                name = body["schema"]["$ref"].rpartition("/")[2]
                [example] = document["components"]["schemas"][name]["examples"]
                models[name].model_validate_json(json.dumps(example))


def test_every_post_names_the_idempotency_key_and_explains_it_with_an_example(
    posts: dict[str, dict[str, list[dict[str, str]]]],
) -> None:
    for path in posts.keys() - VENDOR_CALLS:
        [header] = [
            one for one in posts[path].get("parameters", []) if one["name"] == "Idempotency-Key"
        ]
        assert header["description"], path
        assert "example" in str(header), path
    assert posts.keys() >= VENDOR_CALLS


def test_every_post_with_an_api_key_reads_its_idempotency_key(
    posts: dict[str, dict[str, list[dict[str, str]]]], operator: httpx.Client
) -> None:
    for path, post in posts.items():
        if any("bearer" in scheme for scheme in post.get("security", [])):
            sent = operator.post(re.sub("{.+?}", "1", path), headers={"Idempotency-Key": "a b"})
            assert sent.json()["error"]["code"] == "unusable_idempotency_key", path


@pytest.mark.parametrize(
    "headers", [{}, {"Content-Type": "application/x-www-form-urlencoded"}], ids=["none", "form"]
)
def test_a_body_that_is_not_declared_as_json_is_415_and_says_so(
    posts: dict[str, dict[str, object]], admin: httpx.Client, headers: dict[str, str]
) -> None:
    for path, post in posts.items():
        if "415" in post["responses"]:
            sent = admin.post(re.sub("{.+?}", "1", path), content=b"{}", headers=headers)
            error = sent.json()["error"]
            if sent.status_code == 401:
                continue
            assert (sent.status_code, error["code"]) == (415, "not_json"), path
            assert "send Content-Type: application/json" in error["message"]
    assert "415" in posts["/api/orders"]["responses"]


def test_an_unknown_event_is_refused_without_naming_the_others(
    operator: httpx.Client, event: Event, document: dict[str, Any]
) -> None:
    named = [
        path.replace("{event}", "gala-2027") for path in document["paths"] if "{event}" in path
    ]

    answers = [operator.get(re.sub("{.+?}", "1", path)) for path in named]

    assert [answer for answer in answers if event.slug in answer.text] == []
    assert 404 in {answer.status_code for answer in answers}


def _fields(
    part: dict[str, Any] | list[Any], where: str = ""
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every property of every schema in a part of the document, with its path."""
    items = part.items() if isinstance(part, dict) else enumerate(part)
    for name, one in items:
        if name == "properties":
            yield from ((f"{where}/{field}", schema) for field, schema in one.items())
        if isinstance(one, dict | list):
            yield from _fields(one, f"{where}/{name}")


def _request_models(base: type[RequestModel]) -> Iterator[type[RequestModel]]:
    for model in base.__subclasses__():
        yield model
        yield from _request_models(model)

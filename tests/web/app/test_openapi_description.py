"""Tests of what the OpenAPI description says about all operations, and that they do it."""

import re

import httpx
import pytest

from ticketing.events.model import Event

VENDOR_CALLS = {  # stored once by the vendor's own ids
    "/api/payment/notification",
    "/voucher/payment-webhook",
    "/webhooks/whatsapp/{vendor}",
}


@pytest.fixture
def posts(shop: httpx.Client) -> dict[str, dict[str, object]]:
    """Return the described POST operations by path."""
    paths = shop.get("/openapi.json").json()["paths"]
    return {path: each["post"] for path, each in paths.items() if "post" in each}


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
    posts: dict[str, dict[str, object]], operator: httpx.Client, headers: dict[str, str]
) -> None:
    for path, post in posts.items():
        if "415" in post["responses"]:
            sent = operator.post(re.sub("{.+?}", "1", path), content=b"{}", headers=headers)
            error = sent.json()["error"]
            if sent.status_code == 401:
                continue
            assert (sent.status_code, error["code"]) == (415, "not_json"), path
            assert "send Content-Type: application/json" in error["message"]
    assert "415" in posts["/api/orders"]["responses"]


def test_an_unknown_event_is_refused_without_naming_the_others(
    operator: httpx.Client, event: Event, shop: httpx.Client
) -> None:
    paths = shop.get("/openapi.json").json()["paths"]
    named = [path.replace("{event}", "gala-2027") for path in paths if "{event}" in path]

    answers = [operator.get(re.sub("{.+?}", "1", path)) for path in named]

    assert [answer for answer in answers if event.slug in answer.text] == []
    assert 404 in {answer.status_code for answer in answers}

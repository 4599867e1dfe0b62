"""Tests of the go-live page: it answers to a key, and names what is missing."""

from collections.abc import Callable

import httpx

from ticketing.access.key_queries import Role
from ticketing.events.model import Event


def test_the_checklist_is_shown_to_a_known_key_only(
    anonymous_client: httpx.Client, key_of: Callable[[Role], str], event: Event
) -> None:
    def ask(key: str, slug: str = event.slug) -> httpx.Response:
        return anonymous_client.post("/admin/go-live", data={"event": slug, "key": key})

    form, stranger = anonymous_client.get("/admin/go-live"), ask("none")
    shown, unknown = ask(key_of(Role.VIEWER)), ask(key_of(Role.OPERATOR), "no-such")

    assert [one.status_code for one in (form, stranger, shown, unknown)] == [200, 401, 200, 404]
    assert event.name not in form.text + stranger.text
    assert "simulator: no real money is received" in shown.text
    assert "nothing is on sale" in shown.text
    assert "<script" not in shown.text

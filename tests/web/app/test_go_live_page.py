"""Tests of the go-live page: it names what is missing, to users of the event."""

from collections.abc import Callable

import httpx

from ticketing.access.caller import Role
from ticketing.events.model import Event


def test_the_checklist_is_shown_to_users_of_the_event(
    signed_in: Callable[..., httpx.Client], event: Event
) -> None:
    def ask(client: httpx.Client, slug: str) -> httpx.Response:
        return client.get("/admin/go-live", params={"event": slug})

    viewer, restricted = signed_in(Role.VIEWER, [event.id]), signed_in(Role.ADMIN, [event.id + 1])
    shown, unknown = ask(viewer, event.slug), ask(viewer, "no-such")
    refused, form = ask(restricted, event.slug), ask(restricted, "")

    assert [one.status_code for one in (shown, unknown, refused, form)] == [200, 404, 403, 200]
    assert event.name not in form.text + refused.text
    assert "simulator: no real money is received" in shown.text
    assert "nothing is on sale" in shown.text
    assert "<script" not in shown.text

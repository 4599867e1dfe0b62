"""Tests of tokens of client credentials: renewed before their end, by one caller for all."""

import asyncio

import pytest

from ticketing.billing.sources.contract import FailureClass
from ticketing.billing.sources.http.authorization import (
    Authorizer,
    BillingCredentials,
    BillingToken,
)
from ticketing.billing.sources.http.classify import RequestFailed
from ticketing.billing.sources.mapping.model import Authentication


class Source:
    """Gives tokens of 300 seconds; its clock is set by the test."""

    def __init__(self) -> None:
        self.now, self.given = 0.0, 0
        self.failure: RequestFailed | None = None
        how = Authentication(kind="client_credentials")
        self.authorizer = Authorizer(how, BillingCredentials(), self.fetch, lambda: self.now)

    async def fetch(self) -> BillingToken:
        await asyncio.sleep(0)
        if self.failure is not None:
            raise self.failure
        self.given += 1
        return BillingToken(f"token-{self.given}", 300)

    async def ask(self, at: float, requests: int = 1) -> set[str]:
        self.now = at
        found = await asyncio.gather(*(self.authorizer.headers() for _ in range(requests)))
        return {each["Authorization"] for each in found}


@pytest.fixture
def source() -> Source:
    """Return a source that has given no token yet."""
    return Source()


def test_a_token_is_renewed_once_before_its_end(source: Source) -> None:
    async def visit() -> list[set[str]]:
        return [await source.ask(at, 4) for at in (0, 239, 240, 470, 480)]

    first, kept, renewed, kept_again, third = asyncio.run(visit())

    assert (first, kept) == ({"Bearer token-1"}, {"Bearer token-1"})
    assert "Bearer token-2" in renewed
    assert (kept_again, source.given) == ({"Bearer token-2"}, 3)
    assert "Bearer token-3" in third


def test_a_token_that_cannot_be_renewed_is_used_until_the_source_refuses_it(
    source: Source,
) -> None:
    async def visit() -> list[set[str]]:
        shown = [await source.ask(0)]
        source.failure = RequestFailed(FailureClass.UNAVAILABLE, "the source answers 503")
        shown += [await source.ask(250), await source.ask(251)]
        source.failure = None
        return [*shown, await source.ask(256)]

    assert asyncio.run(visit()) == [
        {"Bearer token-1"}, {"Bearer token-1"}, {"Bearer token-1"}, {"Bearer token-2"},
    ]  # fmt: skip


def test_refused_credentials_stop_the_run(source: Source) -> None:
    async def visit() -> None:
        await source.ask(0)
        source.failure = RequestFailed(FailureClass.REFUSED, "wrong", stops_run=True)
        await source.ask(250)

    with pytest.raises(RequestFailed, match="wrong"):
        asyncio.run(visit())

"""Check of the public address of the web service, and of the proxies before it."""

import json
from collections.abc import Iterator

import httpx

from ticketing.app.findings import DoctorFinding, failed, ok, warning
from ticketing.platform.kernel.errors import Misconfigured
from ticketing.platform.kernel.tls_trust import trusted
from ticketing.platform.settings import Settings

TIMEOUT_SECONDS = 5
SUBJECT = "web address"


def check_public_address(settings: Settings) -> Iterator[DoctorFinding]:
    """Request WEB_PUBLIC_URL, and report the address that the web service sees there."""
    try:
        settings.require_public_url()
    except Misconfigured as error:
        yield failed(SUBJECT, str(error), "set WEB_PUBLIC_URL")
        return
    if not settings.web_public_url:
        return
    url = f"{settings.public_base_url}/api/client-address"
    try:
        answer = httpx.get(url, timeout=TIMEOUT_SECONDS, verify=trusted())
        seen = answer.raise_for_status().json()["data"]
        yield _describe(seen["address"], seen["untrustedProxy"])
    except (httpx.HTTPError, json.JSONDecodeError, KeyError, TypeError) as error:
        detail = f"{url} does not answer: {error or type(error).__name__}"
        yield warning(SUBJECT, detail, "start `ticketing serve`, then check the proxy before it")


def _describe(address: str, untrusted_proxy: str) -> DoctorFinding:
    if untrusted_proxy:
        detail = f"all requests seem to come from the proxy {untrusted_proxy} and share one limit"
        return failed(SUBJECT, detail, f"add {untrusted_proxy} or its network to TRUSTED_PROXIES")
    return ok(SUBJECT, f"the web service sees this machine as {address}")

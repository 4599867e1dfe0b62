"""Tests of our three WhatsApp clients against the simulator on a port, with every fault."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from threading import Thread

import pytest

from simulators.http import HttpRequest, HttpResponse, HttpServer
from simulators.whatsapp.cloud import PHONE_ID, TOKEN
from simulators.whatsapp.faults import WhatsAppResponseFault
from simulators.whatsapp.fonnte import FONNTE_TOKEN
from simulators.whatsapp.server import WhatsAppSimulator
from simulators.whatsapp.waha import API_KEY
from ticketing.notifications.messages.message import (
    Accepted,
    ApprovedTemplate,
    Attachment,
    ChatMessage,
    Deferred,
    FailureScope,
    PauseScope,
    Rejected,
    SendOutcome,
    Unconfirmed,
)
from ticketing.notifications.whatsapp.cloud import CloudAccount, CloudClient, UploadedMedia
from ticketing.notifications.whatsapp.fonnte import FonnteAccount, FonnteClient
from ticketing.notifications.whatsapp.http import WhatsAppClient
from ticketing.notifications.whatsapp.waha import WahaAccount, WahaClient
from ticketing.platform.kernel.errors import Misconfigured

SARI = "+6281234567890"
DIGITS = "6281234567890"
PDF = Attachment("Tiket TC-2026-7Q4M9ZKD.pdf", b"%PDF-1.7 a ticket")
TEXT = ChatMessage("Halo Sari, tiket Anda sudah siap.")
TEMPLATE = ChatMessage(
    "Halo Sari, tiket TC-2026-7Q4M9ZKD sudah siap.",
    ApprovedTemplate("ticket_ready", "id", ("Sari", "TC-2026-7Q4M9ZKD"), "a1"),
    PDF,
)
APPROVED = {
    "name": "ticket_ready",
    "language": "id",
    "components": [
        {"type": "HEADER", "format": "DOCUMENT"},
        {"type": "BODY", "text": "Halo {{1}}, tiket {{2}} sudah siap."},
        {"type": "BUTTONS", "buttons": [{"type": "URL", "url": "https://t.example/{{1}}"}]},
    ],
}


class Vendor:
    """Server with one fixed answer to every request."""

    def __init__(self) -> None:
        self.answer = HttpResponse(200)
        self.url = ""

    def respond(self, _: HttpRequest) -> HttpResponse:
        return self.answer


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    anything = Vendor()
    with HttpServer("127.0.0.1", 0, anything.respond) as server:
        anything.url = f"http://127.0.0.1:{server.server_port}"
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield anything
        server.shutdown()
        thread.join()


@pytest.fixture
def media() -> dict[str, UploadedMedia]:
    return {}


@pytest.fixture
def timeout_seconds() -> float:
    """Return the clients' timeout in seconds, sufficient for slow machines."""
    return 60


@pytest.fixture
def cloud(
    whatsapp_without_reports: WhatsAppSimulator,
    media: dict[str, UploadedMedia],
    timeout_seconds: float,
) -> Iterator[CloudClient]:
    account = CloudAccount(PHONE_ID, TOKEN, whatsapp_without_reports.url)
    with CloudClient(account, media=media, read_seconds=timeout_seconds) as ours:
        yield ours


@pytest.fixture
def waha(
    whatsapp_without_reports: WhatsAppSimulator, timeout_seconds: float
) -> Iterator[WahaClient]:
    with WahaClient(
        WahaAccount(whatsapp_without_reports.url, API_KEY), read_seconds=timeout_seconds
    ) as ours:
        yield ours


@pytest.fixture
def fonnte(
    whatsapp_without_reports: WhatsAppSimulator, timeout_seconds: float
) -> Iterator[FonnteClient]:
    with FonnteClient(
        FonnteAccount(FONNTE_TOKEN, whatsapp_without_reports.url), read_seconds=timeout_seconds
    ) as ours:
        yield ours


@pytest.fixture(params=["cloud", "waha", "fonnte"])
def whatsapp_client(request: pytest.FixtureRequest) -> WhatsAppClient:
    """Return each of the three clients."""
    ours: WhatsAppClient = request.getfixturevalue(request.param)
    return ours


def test_a_text_reaches_its_number(
    whatsapp_without_reports: WhatsAppSimulator, whatsapp_client: WhatsAppClient
) -> None:
    outcome = whatsapp_client.send(SARI, TEXT, reference="delivery:1")

    (message,) = whatsapp_without_reports.messages(DIGITS)
    assert isinstance(outcome, Accepted)
    assert message.id.endswith(outcome.provider_id)
    assert message.draft.text == TEXT.text


def test_a_document_is_sent_with_its_file_name(
    whatsapp_without_reports: WhatsAppSimulator, whatsapp_client: WhatsAppClient
) -> None:
    outcome = whatsapp_client.send(SARI, TEMPLATE, reference="delivery:1")

    (message,) = whatsapp_without_reports.messages(DIGITS)
    assert isinstance(outcome, Accepted)
    assert message.draft.file is not None
    assert (message.draft.file.name, message.draft.file.sha256) == (PDF.name, PDF.sha256)


def test_our_reference_is_sent_if_the_vendor_accepts_one(
    whatsapp_without_reports: WhatsAppSimulator, cloud: CloudClient
) -> None:
    cloud.send(SARI, TEXT, reference="delivery:1")

    (message,) = whatsapp_without_reports.messages(DIGITS)
    assert message.draft.reference == "delivery:1"


def test_meta_is_given_the_template_and_the_others_its_text(
    whatsapp_without_reports: WhatsAppSimulator,
    cloud: CloudClient,
    waha: WahaClient,
    fonnte: FonnteClient,
) -> None:
    whatsapp_without_reports.cloud.templates.approve(APPROVED)

    for client in (cloud, waha, fonnte):
        client.send(SARI, TEMPLATE, reference="delivery:1")

    official, first, second = (
        message.draft for message in whatsapp_without_reports.messages(DIGITS)
    )
    assert official.template == "ticket_ready/id"
    assert official.parameters == ("Sari", "TC-2026-7Q4M9ZKD")
    assert {official.text, first.text, second.text} == {TEMPLATE.text}


def test_without_a_template_a_document_has_its_text_below(
    whatsapp_without_reports: WhatsAppSimulator, cloud: CloudClient
) -> None:
    whatsapp_without_reports.receive_inbound(DIGITS)

    cloud.send(SARI, replace(TEXT, attachment=PDF), reference="delivery:1")

    (message,) = whatsapp_without_reports.messages(DIGITS)
    assert (message.draft.kind, message.draft.text) == ("document", TEXT.text)
    assert message.code is None


def test_a_template_without_places_is_sent_as_it_is(
    whatsapp_without_reports: WhatsAppSimulator, cloud: CloudClient
) -> None:
    greeting = ChatMessage("Halo", ApprovedTemplate("greeting", "id"))

    cloud.send(SARI, greeting, reference="delivery:1")

    (message,) = whatsapp_without_reports.messages(DIGITS)
    assert (message.draft.template, message.draft.parameters) == ("greeting/id", ())


@pytest.mark.parametrize("engine", ["WEBJS", "NOWEB"])
def test_waha_messages_have_one_id_under_every_engine(
    whatsapp_without_reports: WhatsAppSimulator, waha: WahaClient, engine: str
) -> None:
    whatsapp_without_reports.waha.engine = engine

    outcome = waha.send(SARI, TEXT, reference="delivery:1")

    (message,) = whatsapp_without_reports.messages(DIGITS)
    assert outcome == Accepted(message.key)


def test_a_file_is_uploaded_once_however_often_it_is_sent(
    whatsapp_without_reports: WhatsAppSimulator, cloud: CloudClient, media: dict[str, UploadedMedia]
) -> None:
    for _ in range(3):
        cloud.send(SARI, TEMPLATE, reference="delivery:1")

    (stored,) = whatsapp_without_reports.cloud.media.all()
    assert media[PDF.sha256].id == stored.id
    assert len(whatsapp_without_reports.messages(DIGITS)) == 3


def test_a_file_expired_at_meta_is_uploaded_again(
    whatsapp_without_reports: WhatsAppSimulator, cloud: CloudClient, media: dict[str, UploadedMedia]
) -> None:
    first = cloud.upload(PDF)
    whatsapp_without_reports.cloud.media.delete(str(first))

    outcome = cloud.send(SARI, TEMPLATE, reference="delivery:1")

    assert isinstance(outcome, Accepted)
    assert media[PDF.sha256].id != first
    assert len(whatsapp_without_reports.messages(DIGITS)) == 1


def test_an_upload_is_not_reused_for_longer_than_meta_keeps_it(
    whatsapp_without_reports: WhatsAppSimulator, cloud: CloudClient, media: dict[str, UploadedMedia]
) -> None:
    media[PDF.sha256] = UploadedMedia("1", datetime.now(UTC) - timedelta(seconds=1))

    media_id = cloud.upload(PDF)

    (stored,) = whatsapp_without_reports.cloud.media.all()
    assert media[PDF.sha256].id == stored.id == media_id


@pytest.mark.usefixtures("whatsapp_without_reports")
def test_the_cache_of_uploads_is_limited(
    cloud: CloudClient, media: dict[str, UploadedMedia]
) -> None:
    forever = datetime.max.replace(tzinfo=UTC)
    media.update({str(number): UploadedMedia("1", forever) for number in range(10_000)})

    media_id = cloud.upload(PDF)

    assert len(media) == 10_000
    assert "0" not in media
    assert media[PDF.sha256].id == media_id


@pytest.mark.parametrize(("fault", "timeout_seconds"), [("hang-up", 60), ("act-then-stall", 1)])
def test_an_upload_whose_response_is_lost_is_retried_later(
    whatsapp_without_reports: WhatsAppSimulator, cloud: CloudClient, fault: str
) -> None:
    whatsapp_without_reports.faults.set(answers=[{"kind": fault, "path": "/media", "seconds": 60}])

    outcome = cloud.send(SARI, TEMPLATE, reference="delivery:1")

    assert isinstance(outcome, Deferred)
    assert whatsapp_without_reports.messages() == []


@pytest.mark.parametrize("to", ["", "081234567890", "6281234567890", "+62 812", "sari@example.org"])
def test_an_invalid_number_is_refused_without_asking_the_vendor(
    whatsapp_without_reports: WhatsAppSimulator, whatsapp_client: WhatsAppClient, to: str
) -> None:
    whatsapp_without_reports.faults.set(answers=[WhatsAppResponseFault("html", status=500)])

    outcome = whatsapp_client.send(to, TEXT, reference="delivery:1")

    assert isinstance(outcome, Rejected)
    assert outcome.scope is FailureScope.RECIPIENT


def test_a_file_too_large_for_the_vendor_is_refused_without_asking_it(
    whatsapp_without_reports: WhatsAppSimulator, whatsapp_client: WhatsAppClient
) -> None:
    large = Attachment("tiket.pdf", bytes(whatsapp_client.max_attachment_bytes + 1))

    outcome = whatsapp_client.send(SARI, replace(TEXT, attachment=large), reference="delivery:1")

    assert isinstance(outcome, Rejected)
    assert (outcome.code, outcome.scope) == ("attachment", FailureScope.MESSAGE)
    assert whatsapp_without_reports.messages() == []


def test_an_unregistered_number_is_a_failure_of_the_recipient(
    whatsapp_without_reports: WhatsAppSimulator, whatsapp_client: WhatsAppClient
) -> None:
    whatsapp_without_reports.faults.set(refused={DIGITS: 131026})

    outcome = whatsapp_client.send(SARI, TEXT, reference="delivery:1")

    assert isinstance(outcome, Rejected)
    assert outcome.scope is FailureScope.RECIPIENT


def test_a_ban_stops_the_channel(
    whatsapp_without_reports: WhatsAppSimulator, whatsapp_client: WhatsAppClient
) -> None:
    whatsapp_without_reports.faults.set(banned=True)

    outcome = whatsapp_client.send(SARI, TEXT, reference="delivery:1")

    assert isinstance(outcome, Deferred)
    assert outcome.pause_scope is PauseScope.CHANNEL


def test_a_quota_used_up_stops_the_channel(
    whatsapp_without_reports: WhatsAppSimulator, fonnte: FonnteClient
) -> None:
    whatsapp_without_reports.faults.set(quota_used_up=True)

    outcome = fonnte.send(SARI, TEXT, reference="delivery:1")

    assert outcome == Deferred(
        "Fonnte: the quota is used up", "quota", pause_scope=PauseScope.CHANNEL
    )


@pytest.mark.parametrize("reason", ["token invalid", "unknown user", "device expired, renew it"])
def test_a_reason_of_fonnte_that_concerns_the_device_stops_the_channel(
    whatsapp_without_reports: WhatsAppSimulator, fonnte: FonnteClient, reason: str
) -> None:
    whatsapp_without_reports.faults.set(fonnte_reason=reason)

    outcome = fonnte.send(SARI, TEXT, reference="delivery:1")

    assert isinstance(outcome, Deferred)
    assert outcome.pause_scope is PauseScope.CHANNEL


@pytest.mark.parametrize("code", [133010, 131005, 132001, 131042])
def test_a_code_of_meta_about_the_number_stops_the_channel(
    whatsapp_without_reports: WhatsAppSimulator, cloud: CloudClient, code: int
) -> None:
    whatsapp_without_reports.faults.set(number_refused=code)

    outcome = cloud.send(SARI, TEXT, reference="delivery:1")

    assert isinstance(outcome, Deferred)
    assert (outcome.code, outcome.pause_scope) == (str(code), PauseScope.CHANNEL)


def test_a_number_of_another_account_stops_the_channel_before_and_after_an_upload(
    whatsapp_without_reports: WhatsAppSimulator,
) -> None:
    account = CloudAccount("999", TOKEN, whatsapp_without_reports.url)
    with CloudClient(account) as wrong:
        said = [wrong.send(SARI, each, reference="delivery:1") for each in (TEXT, TEMPLATE)]

    assert [
        (outcome.code, outcome.pause_scope) for outcome in said if isinstance(outcome, Deferred)
    ] == [("100/33", PauseScope.CHANNEL)] * 2


def test_too_many_lookups_slow_the_sender_and_blame_no_recipient(
    whatsapp_without_reports: WhatsAppSimulator, waha: WahaClient
) -> None:
    whatsapp_without_reports.faults.set(overlimit=True)

    outcome = waha.send(SARI, TEXT, reference="delivery:1")

    assert isinstance(outcome, Deferred)
    assert (outcome.code, outcome.pause_scope) == ("overlimit", PauseScope.SENDER)


@pytest.mark.parametrize(
    ("state", "stops"), [("STARTING", PauseScope.SENDER), ("SCAN_QR_CODE", PauseScope.CHANNEL)]
)
def test_a_session_that_starts_is_waited_for_and_one_to_sign_in_is_not(
    whatsapp_without_reports: WhatsAppSimulator, waha: WahaClient, state: str, stops: PauseScope
) -> None:
    whatsapp_without_reports.waha.session = state

    outcome = waha.send(SARI, TEXT, reference="delivery:1")

    assert isinstance(outcome, Deferred)
    assert outcome.pause_scope is stops


def test_a_wrong_key_stops_the_channel_and_is_not_shown(
    whatsapp_without_reports: WhatsAppSimulator,
) -> None:
    key = "key-that-nobody-may-see"
    clients = (
        CloudClient(CloudAccount(PHONE_ID, key, whatsapp_without_reports.url)),
        WahaClient(WahaAccount(whatsapp_without_reports.url, key)),
        FonnteClient(FonnteAccount(key, whatsapp_without_reports.url)),
    )
    said: list[SendOutcome] = []
    for client in clients:
        with client:
            said.append(client.send(SARI, TEXT, reference="delivery:1"))

    assert {outcome.pause_scope for outcome in said if isinstance(outcome, Deferred)} == {
        PauseScope.CHANNEL
    }
    assert len(said) == 3
    shown = f"{said} {clients} {CloudAccount('1', key)} {FonnteAccount(key)}"
    assert key not in shown
    assert DIGITS not in shown


def test_nothing_of_a_recipient_or_a_message_is_logged(
    whatsapp_without_reports: WhatsAppSimulator,
    whatsapp_client: WhatsAppClient,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    whatsapp_without_reports.faults.set(answers=[WhatsAppResponseFault("hang-up", path="send")])

    for _ in range(2):
        whatsapp_client.send(SARI, TEMPLATE, reference="delivery:1")

    private = (DIGITS, "Sari", TOKEN, API_KEY, FONNTE_TOKEN)
    assert [word for word in private if word in caplog.text] == []


def test_too_many_requests_slow_the_sender_for_as_long_as_the_vendor_says(
    whatsapp_without_reports: WhatsAppSimulator, whatsapp_client: WhatsAppClient
) -> None:
    whatsapp_without_reports.faults.set(
        answers=[WhatsAppResponseFault("rate-limit", retry_after=7, path="send")]
    )
    whatsapp_without_reports.faults.answers.append(
        WhatsAppResponseFault("rate-limit", retry_after=7, path="/messages")
    )

    outcome = whatsapp_client.send(SARI, TEXT, reference="delivery:1")

    assert isinstance(outcome, Deferred)
    assert (outcome.pause_scope, outcome.retry_after) == (PauseScope.SENDER, timedelta(seconds=7))
    assert whatsapp_without_reports.messages() == []


@pytest.mark.usefixtures("timeout_seconds")
@pytest.mark.parametrize(
    ("fault", "timeout_seconds"), [("act-then-hang-up", 60), ("act-then-stall", 1)]
)
def test_a_response_lost_after_accepting_leaves_the_outcome_unknown(
    whatsapp_without_reports: WhatsAppSimulator, whatsapp_client: WhatsAppClient, fault: str
) -> None:
    whatsapp_without_reports.faults.set(
        answers=[{"kind": fault, "seconds": 60, "path": path} for path in ("/messages", "send")]
    )

    outcome = whatsapp_client.send(SARI, TEXT, reference="delivery:1")

    assert isinstance(outcome, Unconfirmed)
    assert len(whatsapp_without_reports.messages(DIGITS)) == 1


@pytest.mark.parametrize(
    ("status", "kind"), [(502, Unconfirmed), (504, Unconfirmed), (503, Deferred), (429, Deferred)]
)
def test_a_proxy_error_leaves_the_outcome_unknown_unless_the_vendor_is_unreachable(
    whatsapp_without_reports: WhatsAppSimulator,
    whatsapp_client: WhatsAppClient,
    status: int,
    kind: type[SendOutcome],
) -> None:
    whatsapp_without_reports.faults.set(
        answers=[
            WhatsAppResponseFault("html", status=status, path=path)
            for path in ("/messages", "send")
        ]
    )

    assert isinstance(whatsapp_client.send(SARI, TEXT, reference="delivery:1"), kind)


@pytest.mark.parametrize("seed", range(3))
def test_under_any_fault_the_outcome_agrees_with_the_vendors_messages(
    whatsapp_without_reports: WhatsAppSimulator, whatsapp_client: WhatsAppClient, seed: int
) -> None:
    chance = Random(seed)  # noqa: S311 - a test that can be repeated
    kinds = ["none", "error", "rate-limit", "html", "hang-up", "act-then-hang-up"]

    for number in range(30):
        kind, path = chance.choice(kinds), chance.choice(["/messages", "send", "/media", ""])
        fault = {"kind": kind, "path": path, "status": chance.choice([500, 502, 503])}
        whatsapp_without_reports.faults.set(
            answers=[] if kind == "none" else [fault],
            refused={DIGITS: 131026} if chance.random() < 0.2 else {},
        )
        before = len(whatsapp_without_reports.messages())
        outcome = whatsapp_client.send(
            SARI, replace(TEMPLATE, text=str(number)), reference=str(number)
        )

        taken = len(whatsapp_without_reports.messages()) - before
        assert taken == 1 if isinstance(outcome, Accepted) else taken <= 1
        assert taken == 0 or isinstance(outcome, Accepted | Unconfirmed)


def test_an_unreachable_vendor_means_not_sent() -> None:
    nowhere = "http://127.0.0.1:9"

    for client in (
        CloudClient(CloudAccount("1", "t", nowhere)),
        WahaClient(WahaAccount(nowhere, "k")),
        FonnteClient(FonnteAccount("t", nowhere)),
    ):
        outcomes = [client.send(SARI, each, reference="delivery:1") for each in (TEXT, TEMPLATE)]
        client.close()

        assert all(isinstance(outcome, Deferred) for outcome in outcomes)
        assert {outcome.pause_scope for outcome in outcomes if isinstance(outcome, Deferred)} == {
            PauseScope.MESSAGE
        }


@pytest.mark.parametrize(
    "body", ["", "null", "[]", "{}", "[" * 2000, '{"messages": [{}]}', '{"messages": {"id": 1}}']
)
def test_an_invalid_response_leaves_the_outcome_unknown(vendor: Vendor, body: str) -> None:
    vendor.answer = HttpResponse(200, body.encode())

    with CloudClient(CloudAccount("1", "t", vendor.url)) as cloud:
        outcome = cloud.send(SARI, TEXT, reference="delivery:1")

    assert isinstance(outcome, Unconfirmed)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, {"Status": False, "reason": "token invalid"}, Deferred),
        (200, {"status": False, "reason": "target invalid"}, Rejected),
        (200, {"status": False, "reason": "file format not supported"}, Rejected),
        (200, {"status": False}, Rejected),
        (200, {"status": True}, Unconfirmed),
        (500, {"status": False}, Deferred),
    ],
)
def test_errors_of_fonnte_are_classified_by_their_messages(
    vendor: Vendor, status: int, body: dict[str, object], kind: type[SendOutcome]
) -> None:
    vendor.answer = HttpResponse.json(status, body)

    with FonnteClient(FonnteAccount("t", vendor.url)) as fonnte:
        outcome = fonnte.send(SARI, TEXT, reference="delivery:1")

    assert isinstance(outcome, kind)


def test_an_unsupported_file_is_a_failure_of_the_message(
    whatsapp_without_reports: WhatsAppSimulator, waha: WahaClient
) -> None:
    whatsapp_without_reports.faults.set(
        answers=[WhatsAppResponseFault("error", status=501, path="/api/sendFile")]
    )

    outcome = waha.send(SARI, TEMPLATE, reference="delivery:1")

    assert isinstance(outcome, Rejected)
    assert outcome.scope is FailureScope.MESSAGE


def test_an_internal_error_of_waha_leaves_the_outcome_unknown(
    whatsapp_without_reports: WhatsAppSimulator, waha: WahaClient
) -> None:
    whatsapp_without_reports.faults.set(
        answers=[WhatsAppResponseFault("error", status=500, path="/api/sendText")]
    )

    assert isinstance(waha.send(SARI, TEXT, reference="delivery:1"), Unconfirmed)


@pytest.mark.parametrize(
    ("account", "given"),
    [
        (CloudAccount, ("", "t")),
        (CloudAccount, ("1", "")),
        (WahaAccount, ("http://waha", "")),
        (WahaAccount, ("", "k")),
        (FonnteAccount, ("",)),
    ],
)
def test_an_account_needs_its_credentials(
    account: Callable[..., object], given: tuple[str, ...]
) -> None:
    with pytest.raises(Misconfigured):
        account(*given)

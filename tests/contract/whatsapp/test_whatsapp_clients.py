"""Our three clients against WhatsApp on a port: what they do, and what they make of every fault."""

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
    """Any answer at all, whatever was asked."""

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
def patience() -> float:
    """How many seconds of silence the doors bear: enough for any machine."""
    return 60


@pytest.fixture
def cloud(
    silent: WhatsAppSimulator, media: dict[str, UploadedMedia], patience: float
) -> Iterator[CloudClient]:
    account = CloudAccount(PHONE_ID, TOKEN, silent.url)
    with CloudClient(account, media=media, read_seconds=patience) as ours:
        yield ours


@pytest.fixture
def waha(silent: WhatsAppSimulator, patience: float) -> Iterator[WahaClient]:
    with WahaClient(WahaAccount(silent.url, API_KEY), read_seconds=patience) as ours:
        yield ours


@pytest.fixture
def fonnte(silent: WhatsAppSimulator, patience: float) -> Iterator[FonnteClient]:
    with FonnteClient(FonnteAccount(FONNTE_TOKEN, silent.url), read_seconds=patience) as ours:
        yield ours


@pytest.fixture(params=["cloud", "waha", "fonnte"])
def door(request: pytest.FixtureRequest) -> WhatsAppClient:
    """Each of the three, behind the one door."""
    ours: WhatsAppClient = request.getfixturevalue(request.param)
    return ours


def test_a_text_reaches_its_number(silent: WhatsAppSimulator, door: WhatsAppClient) -> None:
    outcome = door.send(SARI, TEXT, reference="delivery:1")

    (message,) = silent.messages(DIGITS)
    assert isinstance(outcome, Accepted)
    assert message.id.endswith(outcome.provider_id)
    assert message.draft.text == TEXT.text


def test_a_document_goes_along_under_its_name(
    silent: WhatsAppSimulator, door: WhatsAppClient
) -> None:
    outcome = door.send(SARI, TEMPLATE, reference="delivery:1")

    (message,) = silent.messages(DIGITS)
    assert isinstance(outcome, Accepted)
    assert message.draft.file is not None
    assert (message.draft.file.name, message.draft.file.sha256) == (PDF.name, PDF.sha256)


def test_our_reference_goes_where_a_vendor_takes_it(
    silent: WhatsAppSimulator, cloud: CloudClient
) -> None:
    cloud.send(SARI, TEXT, reference="delivery:1")

    (message,) = silent.messages(DIGITS)
    assert message.draft.reference == "delivery:1"


def test_meta_is_given_the_template_and_the_others_its_text(
    silent: WhatsAppSimulator, cloud: CloudClient, waha: WahaClient, fonnte: FonnteClient
) -> None:
    silent.cloud.templates.approve(APPROVED)

    for door in (cloud, waha, fonnte):
        door.send(SARI, TEMPLATE, reference="delivery:1")

    official, first, second = (message.draft for message in silent.messages(DIGITS))
    assert official.template == "ticket_ready/id"
    assert official.parameters == ("Sari", "TC-2026-7Q4M9ZKD")
    assert {official.text, first.text, second.text} == {TEMPLATE.text}


def test_without_a_template_a_document_has_its_text_below(
    silent: WhatsAppSimulator, cloud: CloudClient
) -> None:
    silent.receive_inbound(DIGITS)

    cloud.send(SARI, replace(TEXT, attachment=PDF), reference="delivery:1")

    (message,) = silent.messages(DIGITS)
    assert (message.draft.kind, message.draft.text) == ("document", TEXT.text)
    assert message.code is None


def test_a_template_without_places_is_sent_as_it_is(
    silent: WhatsAppSimulator, cloud: CloudClient
) -> None:
    greeting = ChatMessage("Halo", ApprovedTemplate("greeting", "id"))

    cloud.send(SARI, greeting, reference="delivery:1")

    (message,) = silent.messages(DIGITS)
    assert (message.draft.template, message.draft.parameters) == ("greeting/id", ())


@pytest.mark.parametrize("engine", ["WEBJS", "NOWEB"])
def test_waha_messages_have_one_name_whatever_the_engine(
    silent: WhatsAppSimulator, waha: WahaClient, engine: str
) -> None:
    silent.waha.engine = engine

    outcome = waha.send(SARI, TEXT, reference="delivery:1")

    (message,) = silent.messages(DIGITS)
    assert outcome == Accepted(message.key)


def test_a_file_is_uploaded_once_however_often_it_is_sent(
    silent: WhatsAppSimulator, cloud: CloudClient, media: dict[str, UploadedMedia]
) -> None:
    for _ in range(3):
        cloud.send(SARI, TEMPLATE, reference="delivery:1")

    (stored,) = silent.cloud.media.all()
    assert media[PDF.sha256].id == stored.id
    assert len(silent.messages(DIGITS)) == 3


def test_a_file_meta_has_forgotten_is_uploaded_again(
    silent: WhatsAppSimulator, cloud: CloudClient, media: dict[str, UploadedMedia]
) -> None:
    first = cloud.upload(PDF)
    silent.cloud.media.delete(str(first))

    outcome = cloud.send(SARI, TEMPLATE, reference="delivery:1")

    assert isinstance(outcome, Accepted)
    assert media[PDF.sha256].id != first
    assert len(silent.messages(DIGITS)) == 1


def test_an_upload_is_not_trusted_for_longer_than_meta_keeps_it(
    silent: WhatsAppSimulator, cloud: CloudClient, media: dict[str, UploadedMedia]
) -> None:
    media[PDF.sha256] = UploadedMedia("1", datetime.now(UTC) - timedelta(seconds=1))

    media_id = cloud.upload(PDF)

    (stored,) = silent.cloud.media.all()
    assert media[PDF.sha256].id == stored.id == media_id


@pytest.mark.usefixtures("silent")
def test_what_is_remembered_of_uploads_has_an_end(
    cloud: CloudClient, media: dict[str, UploadedMedia]
) -> None:
    forever = datetime.max.replace(tzinfo=UTC)
    media.update({str(number): UploadedMedia("1", forever) for number in range(10_000)})

    media_id = cloud.upload(PDF)

    assert len(media) == 10_000
    assert "0" not in media
    assert media[PDF.sha256].id == media_id


@pytest.mark.parametrize(("fault", "patience"), [("hang-up", 60), ("act-then-stall", 1)])
def test_an_upload_whose_answer_is_lost_is_tried_again_later(
    silent: WhatsAppSimulator, cloud: CloudClient, fault: str
) -> None:
    silent.faults.set(answers=[{"kind": fault, "path": "/media", "seconds": 60}])

    outcome = cloud.send(SARI, TEMPLATE, reference="delivery:1")

    assert isinstance(outcome, Deferred)
    assert silent.messages() == []


@pytest.mark.parametrize("to", ["", "081234567890", "6281234567890", "+62 812", "sari@example.org"])
def test_what_is_no_number_is_refused_without_asking_the_vendor(
    silent: WhatsAppSimulator, door: WhatsAppClient, to: str
) -> None:
    silent.faults.set(answers=[WhatsAppResponseFault("html", status=500)])

    outcome = door.send(to, TEXT, reference="delivery:1")

    assert isinstance(outcome, Rejected)
    assert outcome.scope is FailureScope.RECIPIENT


def test_a_file_too_large_for_the_vendor_is_refused_without_asking_it(
    silent: WhatsAppSimulator, door: WhatsAppClient
) -> None:
    large = Attachment("tiket.pdf", bytes(door.max_attachment_bytes + 1))

    outcome = door.send(SARI, replace(TEXT, attachment=large), reference="delivery:1")

    assert isinstance(outcome, Rejected)
    assert (outcome.code, outcome.scope) == ("attachment", FailureScope.MESSAGE)
    assert silent.messages() == []


def test_nobody_at_that_number_is_a_matter_of_the_recipient(
    silent: WhatsAppSimulator, door: WhatsAppClient
) -> None:
    silent.faults.set(refused={DIGITS: 131026})

    outcome = door.send(SARI, TEXT, reference="delivery:1")

    assert isinstance(outcome, Rejected)
    assert outcome.scope is FailureScope.RECIPIENT


def test_a_ban_stops_the_channel(silent: WhatsAppSimulator, door: WhatsAppClient) -> None:
    silent.faults.set(banned=True)

    outcome = door.send(SARI, TEXT, reference="delivery:1")

    assert isinstance(outcome, Deferred)
    assert outcome.pause_scope is PauseScope.CHANNEL


def test_a_quota_used_up_stops_the_channel(silent: WhatsAppSimulator, fonnte: FonnteClient) -> None:
    silent.faults.set(quota_used_up=True)

    outcome = fonnte.send(SARI, TEXT, reference="delivery:1")

    assert outcome == Deferred(
        "Fonnte: the device cannot send (quota)", "quota", pause_scope=PauseScope.CHANNEL
    )


@pytest.mark.parametrize(
    ("state", "stops"), [("STARTING", PauseScope.SENDER), ("SCAN_QR_CODE", PauseScope.CHANNEL)]
)
def test_a_session_that_starts_is_waited_for_and_one_to_sign_in_is_not(
    silent: WhatsAppSimulator, waha: WahaClient, state: str, stops: PauseScope
) -> None:
    silent.waha.session = state

    outcome = waha.send(SARI, TEXT, reference="delivery:1")

    assert isinstance(outcome, Deferred)
    assert outcome.pause_scope is stops


def test_a_wrong_key_stops_the_channel_and_is_told_to_nobody(silent: WhatsAppSimulator) -> None:
    key = "key-that-nobody-may-see"
    doors = (
        CloudClient(CloudAccount(PHONE_ID, key, silent.url)),
        WahaClient(WahaAccount(silent.url, key)),
        FonnteClient(FonnteAccount(key, silent.url)),
    )
    said: list[SendOutcome] = []
    for door in doors:
        with door:
            said.append(door.send(SARI, TEXT, reference="delivery:1"))

    assert {outcome.pause_scope for outcome in said if isinstance(outcome, Deferred)} == {
        PauseScope.CHANNEL
    }
    assert len(said) == 3
    shown = f"{said} {doors} {CloudAccount('1', key)} {FonnteAccount(key)}"
    assert key not in shown
    assert DIGITS not in shown


def test_nothing_of_a_recipient_or_a_message_is_logged(
    silent: WhatsAppSimulator, door: WhatsAppClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    silent.faults.set(answers=[WhatsAppResponseFault("hang-up", path="send")])

    for _ in range(2):
        door.send(SARI, TEMPLATE, reference="delivery:1")

    private = (DIGITS, "Sari", TOKEN, API_KEY, FONNTE_TOKEN)
    assert [word for word in private if word in caplog.text] == []


def test_too_many_requests_slow_the_sender_for_as_long_as_the_vendor_says(
    silent: WhatsAppSimulator, door: WhatsAppClient
) -> None:
    silent.faults.set(answers=[WhatsAppResponseFault("rate-limit", retry_after=7, path="send")])
    silent.faults.answers.append(
        WhatsAppResponseFault("rate-limit", retry_after=7, path="/messages")
    )

    outcome = door.send(SARI, TEXT, reference="delivery:1")

    assert isinstance(outcome, Deferred)
    assert (outcome.pause_scope, outcome.retry_after) == (PauseScope.SENDER, timedelta(seconds=7))
    assert silent.messages() == []


@pytest.mark.usefixtures("patience")
@pytest.mark.parametrize(("fault", "patience"), [("act-then-hang-up", 60), ("act-then-stall", 1)])
def test_an_answer_lost_after_accepting_leaves_us_unsure(
    silent: WhatsAppSimulator, door: WhatsAppClient, fault: str
) -> None:
    silent.faults.set(
        answers=[{"kind": fault, "seconds": 60, "path": path} for path in ("/messages", "send")]
    )

    outcome = door.send(SARI, TEXT, reference="delivery:1")

    assert isinstance(outcome, Unconfirmed)
    assert len(silent.messages(DIGITS)) == 1


@pytest.mark.parametrize(
    ("status", "kind"), [(502, Unconfirmed), (504, Unconfirmed), (503, Deferred), (429, Deferred)]
)
def test_a_proxys_page_says_nothing_unless_it_says_that_nobody_is_there(
    silent: WhatsAppSimulator, door: WhatsAppClient, status: int, kind: type[SendOutcome]
) -> None:
    silent.faults.set(
        answers=[
            WhatsAppResponseFault("html", status=status, path=path)
            for path in ("/messages", "send")
        ]
    )

    assert isinstance(door.send(SARI, TEXT, reference="delivery:1"), kind)


@pytest.mark.parametrize("seed", range(3))
def test_whatever_goes_wrong_our_word_agrees_with_the_vendors_book(
    silent: WhatsAppSimulator, door: WhatsAppClient, seed: int
) -> None:
    chance = Random(seed)  # noqa: S311 - a test that can be repeated
    kinds = ["none", "error", "rate-limit", "html", "hang-up", "act-then-hang-up"]

    for number in range(30):
        kind, path = chance.choice(kinds), chance.choice(["/messages", "send", "/media", ""])
        fault = {"kind": kind, "path": path, "status": chance.choice([500, 502, 503])}
        silent.faults.set(
            answers=[] if kind == "none" else [fault],
            refused={DIGITS: 131026} if chance.random() < 0.2 else {},
        )
        before = len(silent.messages())
        outcome = door.send(SARI, replace(TEMPLATE, text=str(number)), reference=str(number))

        taken = len(silent.messages()) - before
        assert taken == 1 if isinstance(outcome, Accepted) else taken <= 1
        assert taken == 0 or isinstance(outcome, Accepted | Unconfirmed)


def test_a_vendor_that_is_not_there_was_given_nothing() -> None:
    nowhere = "http://127.0.0.1:9"

    for door in (
        CloudClient(CloudAccount("1", "t", nowhere)),
        WahaClient(WahaAccount(nowhere, "k")),
        FonnteClient(FonnteAccount("t", nowhere)),
    ):
        outcomes = [door.send(SARI, each, reference="delivery:1") for each in (TEXT, TEMPLATE)]
        door.close()

        assert all(isinstance(outcome, Deferred) for outcome in outcomes)
        assert {outcome.pause_scope for outcome in outcomes if isinstance(outcome, Deferred)} == {
            PauseScope.MESSAGE
        }


@pytest.mark.parametrize(
    "body", ["", "null", "[]", "{}", "[" * 2000, '{"messages": [{}]}', '{"messages": {"id": 1}}']
)
def test_an_answer_that_makes_no_sense_leaves_us_unsure(vendor: Vendor, body: str) -> None:
    vendor.answer = HttpResponse(200, body.encode())

    with CloudClient(CloudAccount("1", "t", vendor.url)) as cloud:
        outcome = cloud.send(SARI, TEXT, reference="delivery:1")

    assert isinstance(outcome, Unconfirmed)


@pytest.mark.parametrize(
    ("status", "said", "kind"),
    [
        (200, {"Status": False, "reason": "token invalid"}, Deferred),
        (200, {"status": False, "reason": "target invalid"}, Rejected),
        (200, {"status": False, "reason": "file format not supported"}, Rejected),
        (200, {"status": False}, Rejected),
        (200, {"status": True}, Unconfirmed),
        (500, {"status": False}, Deferred),
    ],
)
def test_fonnte_is_understood_by_its_sentences(
    vendor: Vendor, status: int, said: dict[str, object], kind: type[SendOutcome]
) -> None:
    vendor.answer = HttpResponse.json(status, said)

    with FonnteClient(FonnteAccount("t", vendor.url)) as fonnte:
        outcome = fonnte.send(SARI, TEXT, reference="delivery:1")

    assert isinstance(outcome, kind)


def test_a_file_that_this_waha_cannot_send_is_a_matter_of_the_message(
    silent: WhatsAppSimulator, waha: WahaClient
) -> None:
    silent.faults.set(answers=[WhatsAppResponseFault("error", status=501, path="/api/sendFile")])

    outcome = waha.send(SARI, TEMPLATE, reference="delivery:1")

    assert isinstance(outcome, Rejected)
    assert outcome.scope is FailureScope.MESSAGE


def test_an_engine_that_throws_may_have_sent(silent: WhatsAppSimulator, waha: WahaClient) -> None:
    silent.faults.set(answers=[WhatsAppResponseFault("error", status=500, path="/api/sendText")])

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
def test_nobody_has_no_account(account: Callable[..., object], given: tuple[str, ...]) -> None:
    with pytest.raises(Misconfigured):
        account(*given)

"""Tests of the simulated vendors' status webhooks: verified, parsed and applied to deliveries."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.whatsapp.business import BusinessWebhook
from simulators.whatsapp.cloud import APP_SECRET, PHONE_ID, TOKEN
from simulators.whatsapp.fonnte import FONNTE_TOKEN
from simulators.whatsapp.inbound import InboundText
from simulators.whatsapp.server import WhatsAppSimulator
from simulators.whatsapp.waha import API_KEY, HMAC_KEY
from ticketing.notifications.channels.refusals import ChannelStatus
from ticketing.notifications.delivery import DeliveryReceipt, DeliveryState, merge_state
from ticketing.notifications.messages.message import (
    Accepted,
    ApprovedTemplate,
    ChatMessage,
    Deferred,
    Rejected,
)
from ticketing.notifications.whatsapp.cloud import CloudAccount, CloudClient
from ticketing.notifications.whatsapp.fonnte import FonnteAccount, FonnteClient
from ticketing.notifications.whatsapp.status_webhooks import (
    answer_challenge,
    is_signed_by_meta,
    is_signed_by_waha,
    parse_fonnte_webhook,
    parse_meta_webhook,
    parse_waha_webhook,
)
from ticketing.notifications.whatsapp.waha import WahaAccount, WahaClient
from ticketing.notifications.whatsapp.webhook_items import (
    InboundMessage,
    UnreadableItem,
    WebhookItems,
)
from ticketing.platform.kernel.errors import UnreadableReport

SARI, DIGITS = "+6281234567890", "6281234567890"
MESSAGE = ChatMessage("Halo", ApprovedTemplate("order_paid", "id"))
STEPS = [DeliveryState.SENT, DeliveryState.DELIVERED, DeliveryState.READ]
READERS = {"cloud": parse_meta_webhook, "waha": parse_waha_webhook, "fonnte": parse_fonnte_webhook}


def _receipt(items: WebhookItems) -> DeliveryReceipt:
    (item,) = items
    assert isinstance(item, DeliveryReceipt)
    return item


@pytest.fixture
def cloud(whatsapp: WhatsAppSimulator) -> Iterator[CloudClient]:
    with CloudClient(CloudAccount(PHONE_ID, TOKEN, whatsapp.url)) as ours:
        yield ours


def test_metas_reports_lead_a_message_from_sent_to_read(
    whatsapp: WhatsAppSimulator, business: BusinessWebhook, cloud: CloudClient
) -> None:
    outcome = cloud.send(SARI, MESSAGE, reference="delivery:1")
    whatsapp.reports(at_least=3)

    reports = [report for told in business.told for report in parse_meta_webhook(told.body)]
    assert [report.state for report in reports if isinstance(report, DeliveryReceipt)] == STEPS
    for report in reports:
        assert isinstance(report, DeliveryReceipt)
        assert Accepted(report.provider_id) == outcome
        assert (report.reference, report.recipient) == ("delivery:1", SARI)
        assert report.at is not None


def test_out_of_order_and_twice_they_lead_to_the_same_end(
    whatsapp: WhatsAppSimulator, business: BusinessWebhook, cloud: CloudClient
) -> None:
    whatsapp.faults.set(disorder=True, duplicates=2)
    cloud.send(SARI, MESSAGE, reference="delivery:1")
    whatsapp.reports(at_least=9)

    state = DeliveryState.SENT
    for told in business.told:
        for report in parse_meta_webhook(told.body):
            assert isinstance(report, DeliveryReceipt)
            state = merge_state(state, report.state)

    assert state is DeliveryState.READ


def test_metas_reason_for_a_failure_is_kept(
    whatsapp: WhatsAppSimulator, business: BusinessWebhook, cloud: CloudClient
) -> None:
    whatsapp.faults.set(failing={DIGITS: 131049})
    cloud.send(SARI, MESSAGE, reference="delivery:1")
    whatsapp.reports(at_least=1)

    (report,) = parse_meta_webhook(business.told[0].body)

    assert isinstance(report, DeliveryReceipt)
    assert report.state is DeliveryState.FAILED
    assert isinstance(report.failure, Deferred)
    assert (report.failure.code, report.failure.retry_after) == ("131049", timedelta(hours=24))


def test_only_a_signature_of_meta_is_accepted(
    whatsapp: WhatsAppSimulator, business: BusinessWebhook, cloud: CloudClient
) -> None:
    whatsapp.faults.set(forged=1)
    cloud.send(SARI, MESSAGE, reference="delivery:1")
    whatsapp.reports(at_least=3)

    forged, *true = [(told.body, told.headers["x-hub-signature-256"]) for told in business.told]
    assert not is_signed_by_meta(*forged, APP_SECRET)
    assert all(is_signed_by_meta(*told, APP_SECRET) for told in true)
    assert not any(is_signed_by_meta(*told, "another secret") for told in true)
    assert not is_signed_by_meta(true[0][0], "", APP_SECRET)


def test_without_a_secret_no_report_is_accepted() -> None:
    empty_hmac = "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"

    assert not is_signed_by_meta(b"", f"sha256={empty_hmac}", "")
    assert not is_signed_by_waha(b"", empty_hmac, "")
    assert answer_challenge({"hub.mode": "subscribe", "hub.challenge": "1"}, "") is None


def test_the_signatures_are_the_vendors_own() -> None:
    meta = b'{"object":"whatsapp_business_account","entry":[]}'
    waha = b'{"event":"message.ack"}'

    assert is_signed_by_meta(
        meta,
        "sha256=c6f9cab4a429d2f621d2b43235ccdc1f8c353f3e7902d9b6dbcacf4e84b22ff3",
        "app-secret-demo",
    )
    assert is_signed_by_waha(
        waha,
        "1fe4f1bf6e0bd2c5691e41f14ebb712ee5c9242bacf03628b8c3a54f82b8b4ed"
        "3adbd9bf251fa07b08b6231460d3c953e0642b6a7c3d3d9c587d7431d772b899",
        "waha-key-demo",
    )


def test_metas_challenge_is_answered_with_the_right_verify_token() -> None:
    asked = {"hub.mode": "subscribe", "hub.verify_token": "word", "hub.challenge": "1158201444"}

    assert answer_challenge(asked, "word") == "1158201444"
    assert answer_challenge(asked, "another") is None
    assert answer_challenge(asked | {"hub.mode": "unsubscribe"}, "word") is None


@pytest.mark.parametrize("gateway", list(READERS))
@pytest.mark.parametrize(
    ("wrote", "number"),
    [
        (InboundText(DIGITS, "STOP"), SARI),
        (InboundText(DIGITS, "STOP", hidden=True), ""),
    ],
)
def test_the_number_of_a_sender_is_read_unless_it_is_hidden(
    whatsapp: WhatsAppSimulator,
    business: BusinessWebhook,
    gateway: str,
    wrote: InboundText,
    number: str,
) -> None:
    whatsapp.receive_text(gateway, wrote)
    whatsapp.reports(at_least=1)

    (item,) = READERS[gateway](business.told[0].body)

    assert isinstance(item, InboundMessage)
    assert (item.sender, item.text, item.sender_id != "") == (number, "STOP", True)
    assert DIGITS not in repr(item)


@pytest.mark.parametrize("gateway", ["waha", "fonnte"])
def test_a_message_in_a_group_names_nobody(
    whatsapp: WhatsAppSimulator, business: BusinessWebhook, gateway: str
) -> None:
    whatsapp.receive_text(gateway, InboundText(DIGITS, "STOP", group="120363041234567890"))
    whatsapp.reports(at_least=1)

    (item,) = READERS[gateway](business.told[0].body)

    assert isinstance(item, InboundMessage)
    assert (item.sender, item.is_private) == ("", False)
    assert DIGITS in item.sender_id


def test_a_hidden_number_of_waha_is_found_where_the_engine_wrote_it(
    whatsapp: WhatsAppSimulator, business: BusinessWebhook
) -> None:
    wrote = InboundText(DIGITS, "STOP", hidden=True, named_elsewhere=True, answers="3EB0AA")
    whatsapp.receive_text("waha", wrote)
    whatsapp.reports(at_least=1)

    (item,) = parse_waha_webhook(business.told[0].body)

    assert isinstance(item, InboundMessage)
    assert (item.sender, item.answered_id) == (SARI, "3EB0AA")


@pytest.mark.parametrize(
    "payload",
    [
        {"from": "628111111111@c.us", "fromMe": True, "body": "STOP"},
        {"from": "status@broadcast", "body": "STOP"},
        {"from": "120363@newsletter", "body": "STOP"},
    ],
)
def test_our_own_messages_and_status_updates_are_no_messages_to_us(
    payload: dict[str, object],
) -> None:
    event = {"event": "message.any", "payload": payload}

    assert parse_waha_webhook(json.dumps(event).encode()) == []


def test_the_switch_for_marketing_messages_is_a_stop(
    whatsapp: WhatsAppSimulator, business: BusinessWebhook
) -> None:
    for value in ("stop", "resume"):
        whatsapp.cloud.report_preference(DIGITS, value)
    whatsapp.reports(at_least=2)

    read = [item for told in business.told for item in parse_meta_webhook(told.body)]

    assert [(item.sender, item.text) for item in read if isinstance(item, InboundMessage)] == [
        (SARI, "STOP")
    ]


def test_odd_items_leave_the_others_of_their_notification_readable(
    whatsapp: WhatsAppSimulator, business: BusinessWebhook, cloud: CloudClient
) -> None:
    whatsapp.faults.set(odd_items=1)
    cloud.send(SARI, MESSAGE, reference="delivery:1")
    whatsapp.reports(at_least=1)

    read = parse_meta_webhook(business.told[0].body)

    assert [item for item in read if isinstance(item, UnreadableItem)] == [
        UnreadableItem("entry 1, changes 1, statuses 1: not an object"),
        UnreadableItem("entry 1, changes 1, statuses 2: id: no message"),
        UnreadableItem("entry 1, changes 1, statuses 3: status: not a text"),
        UnreadableItem("entry 1, changes 1, messages 1: from: no sender"),
    ]
    assert [item.state for item in read if isinstance(item, DeliveryReceipt)] == [STEPS[0]]


@pytest.mark.parametrize(
    "content", [{"text": {"body": "STOP"}}, {"button": {"text": "STOP", "payload": "stop"}}]
)
def test_a_typed_word_and_a_pressed_button_are_read_alike(content: dict[str, object]) -> None:
    message = {"from": DIGITS, "id": "wamid.1", "timestamp": "1769860000", **content}
    change = {"field": "messages", "value": {"messages": [message]}}

    (wrote,) = parse_meta_webhook(json.dumps({"entry": [{"changes": [change]}]}).encode())

    assert isinstance(wrote, InboundMessage)
    assert wrote.text == "STOP"


@pytest.mark.parametrize("engine", ["WEBJS", "NOWEB"])
def test_wahas_reports_lead_a_message_from_sent_to_read(
    whatsapp: WhatsAppSimulator, business: BusinessWebhook, engine: str
) -> None:
    whatsapp.waha.engine = engine
    with WahaClient(WahaAccount(whatsapp.url, API_KEY)) as waha:
        outcome = waha.send(SARI, MESSAGE, reference="delivery:1")
    whatsapp.reports(at_least=3)

    reports = [_receipt(parse_waha_webhook(told.body)) for told in business.told]
    assert [report.state for report in reports] == STEPS
    assert {Accepted(report.provider_id) for report in reports} == {outcome}
    assert all(
        is_signed_by_waha(told.body, told.headers["x-webhook-hmac"], HMAC_KEY)
        for told in business.told
    )


def test_fonntes_reports_are_joined_by_the_states_id(
    whatsapp: WhatsAppSimulator, business: BusinessWebhook
) -> None:
    with FonnteClient(FonnteAccount(FONNTE_TOKEN, whatsapp.url)) as fonnte:
        outcome = fonnte.send(SARI, MESSAGE, reference="delivery:1")
    whatsapp.reports(at_least=3)

    sent, delivered, read = (_receipt(parse_fonnte_webhook(told.body)) for told in business.told)
    assert Accepted(sent.provider_id) == outcome
    assert [sent.state, delivered.state, read.state] == STEPS
    assert sent.alias == delivered.alias == read.alias != ""


@pytest.mark.parametrize("step", ["waha", "fonnte"])
def test_waha_and_fonnte_report_failures_too(
    whatsapp: WhatsAppSimulator, business: BusinessWebhook, step: str
) -> None:
    whatsapp.faults.set(failing={DIGITS: 131000})
    account = WahaAccount(whatsapp.url, API_KEY)
    with (
        WahaClient(account) as waha,
        FonnteClient(FonnteAccount(FONNTE_TOKEN, whatsapp.url)) as fonnte,
    ):
        {"waha": waha, "fonnte": fonnte}[step].send(SARI, MESSAGE, reference="delivery:1")
    whatsapp.reports(at_least=2)

    report = _receipt(READERS[step](business.told[-1].body))

    assert report.state is DeliveryState.FAILED
    assert isinstance(report.failure, Rejected)


@pytest.mark.parametrize("body", [b"", b"[]", b"nonsense", b"[" * 5000, b"\xff"])
@pytest.mark.parametrize("read", [parse_meta_webhook, parse_waha_webhook, parse_fonnte_webhook])
def test_a_body_that_is_no_report_is_refused(read: object, body: bytes) -> None:
    with pytest.raises(UnreadableReport):
        read(body)  # type: ignore[operator]  # one of the three


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"entry": [{"changes": [{"field": "account_update", "value": {}}]}]},
        {"event": "session.status", "payload": {"status": "STARTING"}},
        {"event": "message.ack", "payload": {"ack": 0, "fromMe": True, "id": "true_1@c.us_A"}},
        {"event": "message.ack", "payload": {"ack": 3, "fromMe": False, "id": "true_1@c.us_A"}},
        {"id": "1", "status": "pending"},
        {"status": "sent"},
        {"event": ["message"], "entry": [{"changes": [{"field": ["messages"]}]}]},
    ],
)
def test_other_events_are_ignored(body: dict[str, object]) -> None:
    wire = json.dumps(body).encode()

    assert parse_meta_webhook(wire) == []
    assert parse_waha_webhook(wire) == []
    assert parse_fonnte_webhook(wire) == []


@pytest.mark.parametrize(
    ("time", "read"),
    [(None, None), ("", None), ("soon", None), ("9" * 30, None), (True, None), (0, 0), ("7", 7)],
)
def test_a_report_is_worth_more_than_its_time(time: object, read: int | None) -> None:
    status = {"id": "wamid.1", "status": "sent", "timestamp": time}
    change = {"field": "messages", "value": {"statuses": [status]}}

    report = _receipt(parse_meta_webhook(json.dumps({"entry": [{"changes": [change]}]}).encode()))

    assert report.at == (None if read is None else datetime.fromtimestamp(read, UTC))


def test_an_error_code_in_digits_is_read_like_a_number() -> None:
    status = {"id": "wamid.1", "status": "failed", "errors": [{"code": "131047"}]}
    change = {"field": "messages", "value": {"statuses": [status]}}

    report = _receipt(parse_meta_webhook(json.dumps({"entry": [{"changes": [change]}]}).encode()))

    assert isinstance(report.failure, Rejected)
    assert report.failure.code == "131047"


def test_the_id_of_a_message_in_a_group_is_not_its_participant() -> None:
    payload = {"id": "true_120363@g.us_3EB0AA_628111111111@c.us", "fromMe": True, "ack": 2}
    event = {"event": "message.ack", "payload": payload}

    assert _receipt(parse_waha_webhook(json.dumps(event).encode())).provider_id == "3EB0AA"


def test_a_session_and_a_device_report_whether_they_work(
    whatsapp: WhatsAppSimulator, business: BusinessWebhook
) -> None:
    for state in ("SCAN_QR_CODE", "WORKING"):
        whatsapp.waha.change_session(state)
    whatsapp.reports(at_least=2)
    for is_connected in (False, True):
        whatsapp.fonnte.change_connection(is_connected=is_connected)
    whatsapp.reports(at_least=4)

    readers = [parse_waha_webhook] * 2 + [parse_fonnte_webhook] * 2
    told = zip(business.told, readers, strict=True)
    read = [item for each, reader in told for item in reader(each.body)]

    assert [item.is_working for item in read if isinstance(item, ChannelStatus)] == [
        False, True, False, True,
    ]  # fmt: skip
    assert all(item.at for item in read if isinstance(item, ChannelStatus))


def test_an_error_of_the_account_outside_of_any_message_is_a_refusal_of_the_channel(
    whatsapp: WhatsAppSimulator, business: BusinessWebhook
) -> None:
    for code in (131031, 130429):
        whatsapp.cloud.report_account_error(code)
    whatsapp.reports(at_least=2)

    locked, slow = (parse_meta_webhook(told.body) for told in business.told)

    assert locked == [
        ChannelStatus(is_working=False, reason="Meta: the account is locked (131031)")
    ]
    assert slow == []


def test_several_reports_in_one_notification_are_all_read() -> None:
    statuses = [
        {"id": f"wamid.{number}", "status": "delivered", "timestamp": "1769860000"}
        for number in range(3)
    ]
    change = {"field": "messages", "value": {"statuses": statuses}}
    body = json.dumps({"entry": [{"changes": [change]}, {"changes": [change]}]}).encode()

    reports = parse_meta_webhook(body)

    assert len(reports) == 6
    assert {report.at for report in reports if isinstance(report, DeliveryReceipt)} == {
        datetime(2026, 1, 31, 11, 46, 40, tzinfo=UTC)
    }


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["entry", "changes", "field", "value", "statuses", "messages", "status", "id", "event",
             "payload", "sender", "user_preferences", "replyTo", "_data", "from", "ack",
             "fromMe", "timestamp", "errors", "text", "state", "stateid"]
        ),
        inner,
        max_size=4,
    ),
    max_leaves=20,
)  # fmt: skip


@given(json_values)
def test_no_json_breaks_a_reader(value: object) -> None:
    body = json.dumps(value).encode()

    for read in (parse_meta_webhook, parse_waha_webhook, parse_fonnte_webhook):
        try:
            read(body)
        except UnreadableReport:
            continue

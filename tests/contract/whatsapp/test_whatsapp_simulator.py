"""Tests of the WhatsApp simulator: reports and retries, faults, limits, the page, the switches."""

import hashlib
import hmac
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from simulators.trust import trusted
from simulators.whatsapp.business import BusinessWebhook
from simulators.whatsapp.cloud import APP_SECRET, BUSINESS_ID, OWN_NUMBER, PHONE_ID, TOKEN
from simulators.whatsapp.faults import WhatsAppResponseFault
from simulators.whatsapp.fonnte import FONNTE_TOKEN
from simulators.whatsapp.limits import PAIR, THROUGHPUT, TIER, SendingLimiter, SendingLimits
from simulators.whatsapp.server import WhatsAppSimulator
from simulators.whatsapp.waha import API_KEY, HMAC_KEY
from simulators.whatsapp.webhooks import RETRY_DELAYS_SECONDS

SARI = "6281234567890"
TEXT = {
    "messaging_product": "whatsapp",
    "to": SARI,
    "type": "text",
    "text": {"body": "Tiket Anda siap"},
    "biz_opaque_callback_data": "delivery:1",
}
TEMPLATE = {
    "messaging_product": "whatsapp",
    "to": SARI,
    "type": "template",
    "template": {"name": "ticket_ready", "language": {"code": "id"}},
}
MESSAGES = f"/v26.0/{PHONE_ID}/messages"


@pytest.fixture
def cloud(whatsapp: WhatsAppSimulator) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with httpx.Client(
        base_url=whatsapp.url, headers=headers, trust_env=False, verify=trusted()
    ) as somebody:
        yield somebody


@pytest.fixture
def waha(whatsapp: WhatsAppSimulator) -> Iterator[httpx.Client]:
    headers = {"X-Api-Key": API_KEY}
    with httpx.Client(
        base_url=whatsapp.url, headers=headers, trust_env=False, verify=trusted()
    ) as somebody:
        yield somebody


@pytest.fixture
def fonnte(whatsapp: WhatsAppSimulator) -> Iterator[httpx.Client]:
    headers = {"Authorization": FONNTE_TOKEN}
    with httpx.Client(
        base_url=whatsapp.url, headers=headers, trust_env=False, verify=trusted()
    ) as somebody:
        yield somebody


def test_its_signature_is_the_vendors() -> None:
    wire = b'{"object":"whatsapp_business_account","entry":[]}'

    digest = hmac.new(b"app-secret-demo", wire, hashlib.sha256).hexdigest()

    assert digest == "c6f9cab4a429d2f621d2b43235ccdc1f8c353f3e7902d9b6dbcacf4e84b22ff3"


def test_a_template_is_reported_step_by_step(
    whatsapp: WhatsAppSimulator, business: BusinessWebhook, cloud: httpx.Client
) -> None:
    answer = cloud.post(MESSAGES, json=TEMPLATE).json()
    whatsapp.reports(at_least=3)

    assert business.steps == ["sent", "delivered", "read"]
    assert answer["contacts"] == [{"input": SARI, "wa_id": SARI}]
    assert answer["messages"][0]["id"].startswith("wamid.")
    assert answer["messages"][0]["message_status"] == "accepted"


def test_reports_are_signed_over_their_bytes(
    whatsapp: WhatsAppSimulator, business: BusinessWebhook, cloud: httpx.Client
) -> None:
    cloud.post(MESSAGES, json=TEMPLATE)
    whatsapp.reports(at_least=3)

    told = business.told[0]
    digest = hmac.new(APP_SECRET.encode(), told.body, hashlib.sha256).hexdigest()
    assert told.headers["x-hub-signature-256"] == f"sha256={digest}"


def test_a_text_to_a_number_that_did_not_write_first_fails_later(
    whatsapp: WhatsAppSimulator, business: BusinessWebhook, cloud: httpx.Client
) -> None:
    answer = cloud.post(MESSAGES, json=TEXT)
    whatsapp.reports(at_least=1)

    assert answer.status_code == 200
    assert business.steps == ["failed"]
    assert b"131047" in business.told[0].body
    assert b"delivery:1" in business.told[0].body


def test_a_day_after_a_number_wrote_texts_to_it_fail_again(business: BusinessWebhook) -> None:
    clock = [datetime(2026, 11, 20, 8, tzinfo=UTC)]
    with WhatsAppSimulator(cloud_webhook=business.url, clock=lambda: clock[0]) as whatsapp:
        whatsapp.receive_inbound(SARI)
        headers = {"Authorization": f"Bearer {TOKEN}"}
        httpx.post(whatsapp.url + MESSAGES, json=TEXT, headers=headers, trust_env=False)
        clock[0] += timedelta(hours=24)
        httpx.post(whatsapp.url + MESSAGES, json=TEXT, headers=headers, trust_env=False)

        first, second = whatsapp.messages(SARI)

    assert (first.code, second.code) == (None, 131047)


def test_a_report_is_repeated_until_a_200_response(
    whatsapp: WhatsAppSimulator, business: BusinessWebhook, cloud: httpx.Client
) -> None:
    whatsapp.faults.set(unread=True, delivered_missing=True)
    business.answers = [500, 204]

    cloud.post(MESSAGES, json=TEMPLATE)

    tries = whatsapp.reports(at_least=3)
    assert [each.answer for each in tries] == [500, 204, 200]
    assert [each.retry_in_seconds for each in tries] == [*RETRY_DELAYS_SECONDS[:2], None]
    assert len({told.body for told in business.told}) == 1


@pytest.mark.parametrize(
    ("switches", "statuses"),
    [
        ({"unread": True}, ["sent", "delivered"]),
        ({"delivered_missing": True}, ["sent", "read"]),
        ({"disorder": True}, ["read", "delivered", "sent"]),
        ({"duplicates": 1, "unread": True}, ["sent", "sent", "delivered", "delivered"]),
        ({"lost": 1}, ["delivered", "read"]),
        ({"delay_seconds": 0.05}, ["sent", "delivered", "read"]),
        ({"failing": {SARI: 131026}}, ["failed"]),
    ],
)
def test_reports_show_the_configured_faults(
    whatsapp: WhatsAppSimulator,
    business: BusinessWebhook,
    cloud: httpx.Client,
    switches: dict[str, object],
    statuses: list[str],
) -> None:
    whatsapp.faults.set(**switches)

    cloud.post(MESSAGES, json=TEMPLATE)

    whatsapp.reports(at_least=len(statuses))
    assert business.steps == statuses


def test_a_forged_report_has_a_wrong_signature(
    whatsapp: WhatsAppSimulator, business: BusinessWebhook, cloud: httpx.Client
) -> None:
    whatsapp.faults.set(forged=1)

    cloud.post(MESSAGES, json=TEMPLATE)
    whatsapp.reports(at_least=3)

    right = [
        told.headers["x-hub-signature-256"].removeprefix("sha256=")
        == hmac.new(APP_SECRET.encode(), told.body, hashlib.sha256).hexdigest()
        for told in business.told
    ]
    assert right == [False, True, True]


def test_without_reports_messages_arrive_and_nothing_is_reported(
    whatsapp_without_reports: WhatsAppSimulator, business: BusinessWebhook, cloud: httpx.Client
) -> None:
    cloud.post(MESSAGES, json=TEMPLATE)

    (message,) = whatsapp_without_reports.messages(SARI)
    assert message.steps == ["sent", "delivered", "read"]
    assert business.told == []


@pytest.mark.parametrize(
    ("fault", "accepted"), [("hang-up", 0), ("act-then-hang-up", 1), ("act-then-stall", 1)]
)
def test_a_lost_response_does_not_affect_the_message(
    whatsapp_without_reports: WhatsAppSimulator, cloud: httpx.Client, fault: str, accepted: int
) -> None:
    whatsapp_without_reports.faults.set(answers=[{"kind": fault, "seconds": 0.05}])

    with pytest.raises(httpx.RemoteProtocolError):
        cloud.post(MESSAGES, json=TEMPLATE)

    assert len(whatsapp_without_reports.messages()) == accepted


def test_a_slow_response_is_a_success(
    whatsapp_without_reports: WhatsAppSimulator, cloud: httpx.Client
) -> None:
    whatsapp_without_reports.faults.set(answers=[WhatsAppResponseFault("slow", seconds=0.05)])

    assert cloud.post(MESSAGES, json=TEMPLATE).status_code == 200


def test_a_fault_applies_only_to_the_paths_and_times_it_names(
    whatsapp_without_reports: WhatsAppSimulator, cloud: httpx.Client
) -> None:
    fault = WhatsAppResponseFault("html", path="/messages", times=2, status=502)
    whatsapp_without_reports.faults.set(answers=[fault])

    said = [cloud.post(path, json=TEMPLATE) for path in (MESSAGES, "/ping", MESSAGES, MESSAGES)]

    assert [answer.status_code for answer in said] == [502, 404, 502, 200]
    assert said[0].text.startswith("<html>")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"messaging_product": "sms"}, 100),
        ({"to": "not a number"}, 131009),
        ({"to": OWN_NUMBER}, 131021),
        ({"type": "poem"}, 131051),
        ({"type": "document"}, 131008),
        ({"text": {"body": ""}}, 131009),
        ({"text": {"body": "x" * 4097}}, 131009),
        ({"biz_opaque_callback_data": "x" * 513}, 131009),
        ({"type": "document", "document": {}}, 131008),
        ({"type": "document", "document": {"id": "1"}}, 100),
        ({"type": "template", "template": {"name": "ticket_ready"}}, 131008),
    ],
)
def test_an_invalid_message_is_refused(
    whatsapp_without_reports: WhatsAppSimulator,
    cloud: httpx.Client,
    change: dict[str, object],
    code: int,
) -> None:
    answer = cloud.post(MESSAGES, json=TEXT | change)

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)
    assert whatsapp_without_reports.messages() == []


def test_a_parameter_with_a_line_break_is_refused(cloud: httpx.Client) -> None:
    body = {"type": "body", "parameters": [{"type": "text", "text": "two\nlines"}]}
    use = TEMPLATE["template"] | {"components": [body]}  # type: ignore[operator]  # a dict

    answer = cloud.post(MESSAGES, json=TEMPLATE | {"template": use})

    assert answer.json()["error"]["code"] == 132012


def test_a_paused_template_is_refused(
    whatsapp_without_reports: WhatsAppSimulator, cloud: httpx.Client
) -> None:
    whatsapp_without_reports.cloud.templates.paused.add("ticket_ready")

    answer = cloud.post(MESSAGES, json=TEMPLATE)

    assert answer.json()["error"]["code"] == 132015


@pytest.mark.parametrize(
    "body", ["", "{{1}} membayar.", "Halo {{1}}", "Halo {{2}}, siap.", "Halo {{nama}}, siap."]
)
def test_a_template_that_meta_would_not_approve_is_refused(cloud: httpx.Client, body: str) -> None:
    asked = {"name": "a", "language": "id", "components": [{"type": "BODY", "text": body}]}

    answer = cloud.post(f"/v26.0/{BUSINESS_ID}/message_templates", json=asked)

    assert answer.json()["error"]["code"] == 100


def test_a_device_that_was_signed_out_sends_nothing(
    whatsapp_without_reports: WhatsAppSimulator, fonnte: httpx.Client
) -> None:
    whatsapp_without_reports.fonnte.is_connected = False

    sent = fonnte.post("/send", data={"target": SARI, "message": "a"}).json()
    device = fonnte.post("/device").json()

    assert sent["status"] is False
    assert device["device_status"] == "disconnect"


@pytest.mark.parametrize(
    ("media_type", "content", "code"),
    [
        ("application/pdf", b"", 131053),
        ("image/png", b"x" * (5 * 1024 * 1024 + 1), 131053),
        ("application/x-sh", b"rm", 100),
    ],
)
def test_a_file_of_the_wrong_kind_or_size_is_refused(
    cloud: httpx.Client, media_type: str, content: bytes, code: int
) -> None:
    answer = cloud.post(
        f"/v26.0/{PHONE_ID}/media",
        data={"messaging_product": "whatsapp"},
        files={"file": ("a", content, media_type)},
    )

    assert answer.json()["error"]["code"] == code


def test_a_file_is_deleted_after_thirty_days() -> None:
    clock = [datetime(2026, 11, 20, 8, tzinfo=UTC)]
    with WhatsAppSimulator(clock=lambda: clock[0]) as whatsapp, httpx.Client(
        base_url=f"{whatsapp.url}/v26.0", headers={"Authorization": f"Bearer {TOKEN}"},
        trust_env=False,
    ) as cloud:  # fmt: skip
        stored = cloud.post(
            f"/{PHONE_ID}/media",
            data={"messaging_product": "whatsapp"},
            files={"file": ("tiket.pdf", b"%PDF", "application/pdf")},
        ).json()
        before = cloud.get(f"/{stored['id']}")
        clock[0] += timedelta(minutes=5)
        url_after_five_minutes = cloud.get(before.json()["url"])
        clock[0] += timedelta(days=30)
        after = cloud.get(f"/{stored['id']}")

    assert before.json()["file_size"] == 4
    assert url_after_five_minutes.status_code == 404
    assert after.status_code == 400


def test_a_number_has_a_limit_per_second() -> None:
    limits = SendingLimiter(SendingLimits(a_second=2))

    said = [
        limits.exceeded_limit(str(each), 100 + each / 10, is_business_initiated=False)
        for each in range(3)
    ]
    later = limits.exceeded_limit("9", 101.01, is_business_initiated=False)

    assert said == [None, None, THROUGHPUT]
    assert later is None


def test_one_recipient_gets_a_burst_and_then_one_message_in_six_seconds() -> None:
    limits = SendingLimiter(SendingLimits(a_second=0, pair_burst=2))

    burst = [limits.exceeded_limit(SARI, 100, is_business_initiated=False) for _ in range(3)]
    too_early = limits.exceeded_limit(SARI, 105, is_business_initiated=False)
    in_time = limits.exceeded_limit(SARI, 106, is_business_initiated=False)

    assert burst == [None, None, PAIR]
    assert (too_early, in_time) == (PAIR, None)


def test_the_daily_limit_of_recipients_excludes_those_who_wrote_first() -> None:
    limits = SendingLimiter(SendingLimits(a_second=0, people_a_day=2))

    said = [
        limits.exceeded_limit(who, 100, is_business_initiated=True) for who in ("1", "2", "1", "3")
    ]
    asked = limits.exceeded_limit("3", 100, is_business_initiated=False)
    next_day = limits.exceeded_limit("3", 100 + 24 * 3600, is_business_initiated=True)

    assert said == [None, None, None, TIER]
    assert (asked, next_day) == (None, None)


def test_waha_takes_a_text_and_reports_it_signed(
    whatsapp: WhatsAppSimulator, business: BusinessWebhook, waha: httpx.Client
) -> None:
    asked = {"session": "default", "chatId": f"{SARI}@c.us", "text": "Tiket Anda siap"}

    answer = waha.post("/api/sendText", json=asked)
    whatsapp.reports(at_least=3)

    told = business.told[0]
    digest = hmac.new(HMAC_KEY.encode(), told.body, hashlib.sha512).hexdigest()
    assert answer.status_code == 201
    assert json.loads(told.body)["payload"]["id"] == answer.json()["id"]["_serialized"]
    assert [json.loads(each.body)["payload"]["ack"] for each in business.told] == [1, 2, 3]
    assert told.headers["x-webhook-hmac"] == digest


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"session": "other", "chatId": f"{SARI}@c.us", "text": "a"}, 404),
        ({"chatId": SARI, "text": "a"}, 422),
        ({"chatId": f"{SARI}@c.us"}, 422),
    ],
)
def test_waha_refuses_invalid_requests(
    waha: httpx.Client, body: dict[str, str], status: int
) -> None:
    assert waha.post("/api/sendText", json=body).status_code == status


def test_waha_checks_whether_a_number_has_whatsapp(
    whatsapp: WhatsAppSimulator, waha: httpx.Client
) -> None:
    whatsapp.faults.set(refused={SARI: 131026})

    nobody = waha.get("/api/contacts/check-exists", params={"phone": SARI, "session": "default"})
    somebody = waha.get(
        "/api/contacts/check-exists", params={"phone": "62811", "session": "default"}
    )

    assert nobody.json() == {"numberExists": False}
    assert somebody.json() == {"numberExists": True, "chatId": "62811@c.us"}


def test_waha_without_a_session_takes_nothing(
    whatsapp: WhatsAppSimulator, waha: httpx.Client
) -> None:
    whatsapp.faults.set(banned=True)

    answer = waha.post("/api/sendText", json={"chatId": f"{SARI}@c.us", "text": "a"})

    assert (answer.status_code, answer.json()["status"]) == (422, "FAILED")
    assert waha.get("/api/sessions/default").json()["status"] == "FAILED"


def test_fonnte_responds_with_200_in_every_case(
    whatsapp: WhatsAppSimulator, fonnte: httpx.Client
) -> None:
    wrong = fonnte.post("/send", data={"target": "nobody", "message": "a"})
    right = fonnte.post("/send", data={"target": "081234567890", "message": "Tiket Anda siap"})

    assert (wrong.status_code, wrong.json()) == (200, {"status": False, "reason": "target invalid"})
    assert right.json()["status"] is True
    assert [each.draft.to for each in whatsapp.messages()] == [SARI]


def test_fonnte_reports_by_id_and_then_by_the_states_id(
    whatsapp: WhatsAppSimulator, business: BusinessWebhook, fonnte: httpx.Client
) -> None:
    answer = fonnte.post("/send", data={"target": SARI, "message": "Tiket Anda siap"}).json()
    whatsapp.reports(at_least=3)

    sent, delivered, read = (json.loads(each.body) for each in business.told)
    assert (sent["id"], sent["status"]) == (answer["id"][0], "sent")
    assert (delivered["state"], read["state"]) == ("delivered", "read")
    assert sent["stateid"] == delivered["stateid"] == read["stateid"]
    assert "id" not in delivered


@pytest.mark.parametrize(
    ("switches", "reason"),
    [
        ({"banned": True}, "request invalid on disconnected device"),
        ({"quota_used_up": True}, "insufficient quota"),
    ],
)
def test_fonnte_reports_problems_of_the_device(
    whatsapp: WhatsAppSimulator, fonnte: httpx.Client, switches: dict[str, object], reason: str
) -> None:
    whatsapp.faults.set(**switches)

    answer = fonnte.post("/send", data={"target": SARI, "message": "a"})

    assert answer.json()["reason"] == reason


@pytest.mark.parametrize(
    ("path", "status", "sign"),
    [
        (MESSAGES, 401, "190"),
        ("/api/sendText", 401, "Unauthorized"),
        ("/send", 200, "token invalid"),
        ("/v26.0/1/messages", 401, "190"),
        ("/api/nothing", 404, "error"),
        ("/nothing", 404, "reason"),
    ],
)
def test_each_vendor_refuses_wrong_keys_with_its_own_error(
    whatsapp: WhatsAppSimulator, path: str, status: int, sign: str
) -> None:
    answer = httpx.post(whatsapp.url + path, json={}, trust_env=False)

    assert answer.status_code == status
    assert sign in answer.text


def test_the_page_shows_messages_as_they_are_read(
    whatsapp: WhatsAppSimulator, cloud: httpx.Client
) -> None:
    cloud.post(MESSAGES, json=TEXT | {"text": {"body": "<b>Tiket</b> Anda siap"}})
    whatsapp.reports(at_least=1)

    page = cloud.get("/_simulator").text

    assert "&lt;b&gt;Tiket&lt;/b&gt; Anda siap" in page
    assert SARI in page
    assert "failed (131047)" in page


def test_faults_are_set_and_cleared_over_http(
    whatsapp: WhatsAppSimulator, cloud: httpx.Client
) -> None:
    fault = {"kind": "slow", "seconds": 1}
    set_to = cloud.post("/_simulator/faults", json={"lost": 2, "answers": [fault]}).json()
    wrong = [
        cloud.post("/_simulator/faults", json=switches)
        for switches in (
            {"colour": 1}, {"lost": "2"}, {"lost": -1}, {"answers": 1}, {"answers": [{"kind": "x"}]}
        )
    ]  # fmt: skip
    cleared = cloud.delete("/_simulator/faults").json()

    assert (set_to["lost"], set_to["answers"][0]["kind"]) == (2, "slow")
    assert {answer.status_code for answer in wrong} == {400}
    assert (cleared["lost"], cleared["answers"]) == (0, [])
    assert whatsapp.faults.lost == 0


def test_a_number_that_writes_can_be_answered_and_its_message_is_reported(
    whatsapp: WhatsAppSimulator, business: BusinessWebhook, cloud: httpx.Client
) -> None:
    cloud.post("/_simulator/inbound", json={"from": SARI, "text": "STOP"})
    cloud.post(MESSAGES, json=TEXT)
    whatsapp.reports(at_least=4)

    (message,) = cloud.get("/_simulator/messages").json()
    assert message["step"] == "read"
    assert any(
        b"STOP" in notification.body for notification in business.told
    )  # told side by side, in any order


def test_hidden_senders_and_lost_sessions_are_practised_by_hand(
    whatsapp: WhatsAppSimulator, business: BusinessWebhook, cloud: httpx.Client
) -> None:
    wrote = {"gateway": "waha", "from": SARI, "text": "STOP", "hidden": True}
    said = [
        cloud.post("/_simulator/inbound", json=wrote),
        cloud.post("/_simulator/inbound", json=wrote | {"gateway": "pigeon"}),
        cloud.post("/_simulator/connection", json={"waha": "SCAN_QR_CODE", "fonnte": False}),
    ]
    whatsapp.reports(at_least=3)

    assert [answer.status_code for answer in said] == [200, 400, 200]
    reported = b"".join(told.body for told in business.told)
    assert all(word in reported for word in (b"@lid", b"SCAN_QR_CODE", b"disconnect"))
    assert whatsapp.waha.state == "SCAN_QR_CODE"


def test_the_same_messages_get_the_same_ids() -> None:
    names = []
    for _ in range(2):
        with WhatsAppSimulator() as whatsapp:
            headers = {"Authorization": f"Bearer {TOKEN}"}
            answer = httpx.post(
                whatsapp.url + MESSAGES, json=TEMPLATE, headers=headers, trust_env=False
            )
            names.append(answer.json()["messages"][0]["id"])

    assert names[0] == names[1]


@pytest.mark.process
def test_it_runs_as_a_command_until_a_signal() -> None:
    command = [sys.executable, "-m", "simulators.whatsapp", "--port", "0", "--step", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        url = said.split()[2].rstrip(",")
        answer = httpx.get(f"{url}/ping", trust_env=False)
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)

    assert answer.json() == {"message": "pong"}
    assert process.returncode == 0

"""Tests of the commands that preview message templates and the operator's own texts."""

import json
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from ticketing.notifications.messages.templates import MESSAGE_TEMPLATES_DIR

Ticketing = Callable[..., CompletedProcess[str]]


@pytest.fixture
def ticketing(run_ticketing: Ticketing, tmp_path: Path) -> Ticketing:
    """Return a function that runs `ticketing …` without a database, with one own message text."""
    own = tmp_path / "id" / "order_reversed.mail.j2"
    own.parent.mkdir()
    text = (MESSAGE_TEMPLATES_DIR / "id" / "order_reversed.mail.j2").read_text(encoding="utf-8")
    own.write_text(text.replace("{% block text %}", "{% block text %}\nSalam hangat!\n"))
    environment = {
        "PATH": os.environ["PATH"], "COLUMNS": "200", "MESSAGES_PATH": str(tmp_path),
        "TICKETING_DATA": str(tmp_path / "data"), "WEB_PUBLIC_URL": "https://tiket.example.org",
    }  # fmt: skip
    return partial(run_ticketing, environment=environment)


def test_every_message_can_be_read_as_mail_and_as_chat(ticketing: Ticketing) -> None:
    names = ticketing("message-templates", "list").stdout.split()

    shown = ticketing("message-templates", "preview", "voucher_ready", "--language", "en")

    assert {"order_tickets", "voucher_ready"} <= set(names)
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.startswith("mail")
    assert "\nchat" in shown.stdout


def test_the_operators_own_template_takes_precedence(ticketing: Ticketing) -> None:
    shown = ticketing("message-templates", "preview", "order_reversed")

    assert "Salam hangat!" in shown.stdout


def test_the_template_for_approval_links_to_the_public_address(ticketing: Ticketing) -> None:
    asked = json.loads(ticketing("message-templates", "approval", "voucher_ready").stdout)

    assert (asked["name"], asked["language"]) == ("voucher_ready", "id")
    assert "https://tiket.example.org/" in json.dumps(asked["components"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("preview", "voucher_redy"), "ticketing message-templates list"),
        (("preview", "voucher_ready", "--language", "jv"), "not one of id, en"),
        (("preview", "voucher_ready", "--question", "stuck"), "voucher_ready asks no question"),
        (("preview", "organiser_question", "--question", "stick"), "paid_twice"),
    ],
)
def test_an_unknown_name_or_language_is_refused_with_the_known_ones(
    ticketing: Ticketing, arguments: tuple[str, ...], message: str
) -> None:
    refused = ticketing("message-templates", *arguments)

    assert refused.returncode == 2
    assert message in refused.stderr

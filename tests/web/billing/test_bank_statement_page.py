"""Tests of the page of credits: match, refuse and undo with the buttons."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal

import httpx

from tests.plugins.billing_source import School, spp
from ticketing.access.caller import Role
from ticketing.billing.bank_statements.bank_mapping import BankMapping
from ticketing.billing.bank_statements.read_statement import BankStatement, StatementRow
from ticketing.billing.bank_statements.statements import import_statement
from ticketing.billing.sync.control import start_run
from ticketing.billing.sync.run import SyncRun
from ticketing.platform.db.database import Database

PAGE = "/admin/mutasi-bank"
MAPPING = BankMapping.model_validate(
    {
        "bank": "bri", "account": "1", "columns": {"date": "d", "description": "t", "credit": "c"},
        "formats": {"date": "iso", "money": "plain"},
        "match": {"references": ["(?P<student>[0-9]{7})"]},
    }
)  # fmt: skip


def test_a_proposal_is_confirmed_and_undone_on_the_page(
    signed_in: Callable[..., httpx.Client], school: School, database: Database,
    drive: Callable[[], SyncRun | None],
) -> None:  # fmt: skip
    school.bills["0000000"] = [spp(), spp(month="2026-08")]
    at = datetime.now(UTC)
    start_run(database, "school", limit=1000, by="test", at=at)
    drive()
    row = StatementRow("k", 1, date(2026, 7, 3), Decimal(350_000), "<b>0000000</b>")
    import_statement(
        database, "school", BankStatement([row]), MAPPING, file_name="x", by="t", at=at
    )
    browser = signed_in(Role.OPERATOR)
    shown = browser.get(PAGE, headers={"Accept-Language": "id"}).text
    [token] = set(re.findall(r'name="token" value="([^"]+)"', shown))
    forged = browser.post(f"{PAGE}/1/match", data={"token": "x"})
    confirmed = browser.post(f"{PAGE}/1/match", data={"token": token})
    again = browser.post(f"{PAGE}/1/match", data={"token": token})
    after = browser.get(PAGE, params={"state": "matched", "language": "en"}).text
    undone = browser.post(f"{PAGE}/1/unmatch", data={"token": token, "reason": "no"})
    viewer = signed_in(Role.VIEWER)

    assert "Usulan</strong>: beberapa tagihan berjumlah sama" in shown
    assert "&lt;b&gt;0000000" in shown
    assert (forged.status_code, confirmed.status_code, undone.status_code) == (403, 303, 303)
    assert again.status_code == 409
    assert "has a match; undo it first" in again.text
    assert "Undo match" in after
    assert "<form" not in viewer.get(PAGE).text.split("</header>")[1]
    assert viewer.post(f"{PAGE}/1/match", data={"token": token}).status_code == 403

"""People's data over HTTP: an admin exports and erases, nobody else does."""

import httpx
import pytest
from sqlalchemy import select

from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.operations import audit_log
from ticketing.platform.db.tables.roster import guests as guests_table

AYU = {"person": ["ayu@example.org"], "allMatches": True}


@pytest.mark.usefixtures("guests")
def test_an_admin_exports_and_erases_a_person_and_both_are_recorded(
    admin: httpx.Client, operator: httpx.Client, database: Database
) -> None:
    assert operator.post("/api/people/export", json=AYU).status_code == 403
    shared = admin.post("/api/people/export", json={"person": ["ayu@example.org"]})
    assert (shared.status_code, shared.json()["error"]["code"]) == (409, "ambiguous_person")

    found = admin.post("/api/people/export", json=AYU).json()["data"]
    plan = admin.post("/api/people/erasures/plan", json=AYU).json()["data"]
    request = AYU | {"planHash": plan["planHash"]}
    erased = [admin.post("/api/people/erasures", json=request).json()["data"] for _ in range(2)]

    assert [guest["full_name"] for guest in found["records"]["guests"]][:1] == ["Ayu Lestari"]
    assert plan["obstacles"] == []
    assert [each["repeated"] for each in erased] == [False, True]
    with database.transaction() as connection:
        assert set(connection.execute(select(guests_table.c.full_name)).scalars()) == {"[erased]"}
        actions = connection.execute(select(audit_log.c.action).order_by(audit_log.c.id)).scalars()
        assert [one for one in actions if one.startswith("people.")] == [
            "people.export", "people.erase",
        ]  # fmt: skip
    gone = admin.post("/api/people/export", json=AYU)
    assert gone.json()["error"]["code"] == "unknown_person"

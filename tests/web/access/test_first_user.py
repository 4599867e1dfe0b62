"""Tests of the first user of a rehearsal, and of what doctor says about signing in."""

from ticketing.access.users.passwords import is_password
from ticketing.access.users.user_queries import list_users
from ticketing.app.first_user import describe_sign_in
from ticketing.app.sign_in_check import check_sign_in
from ticketing.platform.application import Application


def test_a_fresh_rehearsal_gets_a_user_whose_password_is_said_once(
    application: Application,
) -> None:
    first, second = (describe_sign_in(application, by="test") for _ in range(2))

    [user] = application.database.run(list_users)
    password = first.split()[2]
    assert (user.name, user.role) == ("admin", "admin")
    assert is_password(password, user.password_hash)
    assert password not in second


def test_where_money_moves_nobody_is_created_and_doctor_says_so(application: Application) -> None:
    application.settings.midtrans_environment = "production"
    application.settings.web_public_url = "http://tickets.example.org"

    said = describe_sign_in(application, by="test")
    findings = {one.subject: one.detail for one in check_sign_in(application)}

    assert "ticketing users create NAME --admin" in said
    assert application.database.run(list_users) == []
    assert findings == {
        "users": "nobody can sign in to the pages of staff",
        "sign-in": "WEB_PUBLIC_URL is http://tickets.example.org: browsers keep no session"
        " without TLS",
    }

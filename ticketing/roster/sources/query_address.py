"""Which databases a roster may be read from: those of variables `ROSTER_*`, and never our own.

Whoever starts an import names a variable and a query. With any other variable they could read our
own tables: hashes of keys, tokens, other people's orders.
"""

import re
from collections.abc import Collection, Mapping

from sqlalchemy import URL

from ticketing.platform.kernel.errors import Misconfigured
from ticketing.roster.sources.sql_query import RosterQuery, parse_roster_url

_VARIABLE = re.compile(r"ROSTER_[A-Z0-9_]+")
_POSTGRESQL_PORT = 5432


def roster_query(
    variable: str, sql: str, environment: Mapping[str, str], *, own: Collection[URL]
) -> RosterQuery:
    """Return the query in the database of a variable. Raises Misconfigured."""
    if not _VARIABLE.fullmatch(variable):
        raise Misconfigured(
            f"the variable {variable!r} is not for rosters: put the address of the database into"
            " one whose name begins with ROSTER_, such as ROSTER_DATABASE_URL"
        )
    url = environment.get(variable, "")
    if not url:
        raise Misconfigured(f"{variable} is empty: set it to the address of the roster's database")
    if _place(parse_roster_url(url)) in {_place(one) for one in own}:
        raise Misconfigured(
            f"{variable} is the address of our own database: a roster comes from another one"
        )
    return RosterQuery(url, sql)


def _place(url: URL) -> tuple[object, ...]:
    """Return what identifies a database, however its address is written."""
    host = url.host or url.query.get("host") or ""
    local = {"localhost": "127.0.0.1", "::1": "127.0.0.1"}
    name = host if isinstance(host, str) else host[0]
    port = url.port or url.query.get("port") or _POSTGRESQL_PORT
    return local.get(name, name), int(str(port)), url.database

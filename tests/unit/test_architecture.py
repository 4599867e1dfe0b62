"""Rules about modules that import-linter cannot express."""

import ast
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from ticketing.platform.paths import PROJECT_ROOT

PACKAGE = PROJECT_ROOT / "ticketing"
SQL_LIBRARIES = {"psycopg", "sqlalchemy"}
# names for annotations; they build no SQL
TYPES = {"ColumnElement", "Connection", "Engine", "Row", "RowMapping", "URL"}
SQL_MODULES = ("*queries*.py", "platform/db/*", "roster/sources/sql_query.py")
MAX_LINES = 300
LONG_MODULES = {
    "notifications/claim_queries.py": "one statement with its conditions",
    "notifications/deliver.py": "one delivery from claim to result",
    "notifications/messages/templates.py": "loading and checking of one kind of template",
    "orders/queries.py": "all reads and writes of one table",
    "platform/settings.py": "every setting with its description",
    "roster/import_roster.py": "one import from file to result",
    "vouchers/packages.py": "create and update share their checks",
    "vouchers/provisioning/router_calls.py": "one exchange with a router",
    "vouchers/transition_queries.py": "all transitions of one state machine",
}


def _modules() -> Iterator[tuple[str, ast.Module, int]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        yield path.relative_to(PACKAGE).as_posix(), ast.parse(text), len(text.splitlines())


def _sql_imports(module: ast.Module) -> Iterator[str]:
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            if name.partition(".")[0] in SQL_LIBRARIES and name.rpartition(".")[2] not in TYPES:
                yield name


def _may_build_sql(name: str) -> bool:
    return (
        Path(name).match(SQL_MODULES[0])
        or name.startswith(SQL_MODULES[1].rstrip("*"))
        or name == SQL_MODULES[2]
    )


def test_only_query_modules_and_the_database_package_build_sql() -> None:
    builders = {
        name: sorted(imported)
        for name, module, _ in _modules()
        if not _may_build_sql(name) and (imported := set(_sql_imports(module)))
    }

    assert builders == {}


def test_no_two_public_classes_have_the_same_name() -> None:
    homes: defaultdict[str, list[str]] = defaultdict(list)
    for name, module, _ in _modules():
        for node in module.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes[node.name].append(name)

    assert {name: modules for name, modules in homes.items() if len(modules) > 1} == {}


def test_only_the_listed_modules_are_long() -> None:
    long = {
        name
        for name, _, lines in _modules()
        if lines > MAX_LINES and not name.startswith("platform/db/migrations/")
    }

    assert long - set(LONG_MODULES) == set()


def test_no_import_is_exempt_from_the_contracts() -> None:
    project = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text(encoding="utf-8"))

    contracts = project["tool"]["importlinter"]["contracts"]

    assert [contract["id"] for contract in contracts if contract.get("ignore_imports")] == []


IMPORTS = {"import_roster", "import_dropped_file", "run_accepted", "ImportRequestQueue"}


def test_every_import_warns_of_people_whose_data_were_erased() -> None:
    calls = [
        (name, {keyword.arg for keyword in node.keywords})
        for root in (PACKAGE, PROJECT_ROOT / "ticket_assets")
        for name, module in (
            (path.name, ast.parse(path.read_text())) for path in root.rglob("*.py")
        )
        for node in ast.walk(module)
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in IMPORTS
    ]

    assert len(calls) >= len(IMPORTS)
    assert [name for name, keywords in calls if "erased" not in keywords] == []

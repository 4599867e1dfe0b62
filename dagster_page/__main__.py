"""Serve Dagster's page: `python -m dagster_page --workspace FILE`; `ticketing up` starts it."""

import argparse

import uvicorn

from dagster_page.page import create_page, open_workspace
from ticketing.app.cli import EnvironmentLoader
from ticketing.app.data_folder import restrict_new_files
from ticketing.platform.http.connection_guard import GuardedProtocol


def main() -> None:
    """Serve until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m dagster_page", description=__doc__)
    parser.add_argument("--workspace", required=True, help="a workspace file of Dagster")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=3000)
    chosen = parser.parse_args()
    restrict_new_files()
    with (
        EnvironmentLoader().open(migrated=True) as application,
        open_workspace(chosen.workspace) as context,
    ):
        page = create_page(application, context)
        # no access log: addresses of GraphQL requests can hold names of guests
        uvicorn.run(
            page, host=chosen.host, port=chosen.port, http=GuardedProtocol, access_log=False,
            log_level="warning", forwarded_allow_ips=application.settings.proxies,
        )  # fmt: skip


if __name__ == "__main__":
    main()

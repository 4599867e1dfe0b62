"""Prepare Dagster's database and home directory."""

import os
import shutil
from typing import TYPE_CHECKING

from ticketing.crypto.master_secret import load_master_secret
from ticketing.platform.paths import data_file

if TYPE_CHECKING:
    from ticketing.platform.application import Application


def ensure_dagster_database(application: "Application") -> None:
    """Create Dagster's database on our server, unless DAGSTER_DATABASE_URL names another."""
    if application.settings.dagster_database_url:
        return
    application.database.create_database(application.dagster_url.database or "")


def prepare_dagster_home(application: "Application") -> dict[str, str]:
    """Return the environment for Dagster; our dagster.yaml is copied to its home each time."""
    ensure_dagster_database(application)
    if application.server:  # with our DATABASE_URL the programs would make up no secret
        load_master_secret(application.settings)
    data = application.settings.data_path.resolve()
    home = data / "dagster"
    home.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(data_file("deploy/dagster_home/dagster.yaml"), home / "dagster.yaml")
    url = application.url.set(drivername="postgresql")  # psql and pg_dump read it too
    path = os.environ.get("PATH", os.defpath)
    server = application.server
    return {
        **os.environ,
        "PATH": f"{server.binaries}{os.pathsep}{path}" if server else path,
        "TICKETING_DATA": str(data),
        "DATABASE_URL": url.render_as_string(hide_password=False),
        "DAGSTER_POSTGRES_URL": application.dagster_url.render_as_string(hide_password=False),
        "DAGSTER_HOME": str(home),
    }

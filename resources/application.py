"""The application as a Dagster resource."""

from collections.abc import Generator
from contextlib import contextmanager

import dagster as dg

from ticketing.app.container import open_application
from ticketing.platform.application import Application
from ticketing.platform.kernel import json_logging
from ticketing.platform.settings import Settings


class ApplicationResource(dg.ConfigurableResource[Application]):
    """Application configured by environment variables.

    It has no Dagster configuration: `ticketing/platform/settings.py` lists all variables,
    shared with the web service and the command line. They are read when a run starts.
    """

    @contextmanager
    def yield_for_execution(
        self,
        context: dg.InitResourceContext,  # noqa: ARG002 - the framework's hook
    ) -> Generator[Application]:
        """Open the application and close it when the run or tick ends."""
        settings = Settings()
        json_logging.configure(settings.log_level, settings.log_file)
        with open_application(settings) as application:
            yield application

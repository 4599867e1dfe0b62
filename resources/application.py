"""The open application, for assets, checks, sensors and schedules."""

from collections.abc import Generator
from contextlib import contextmanager

import dagster as dg

from ticketing.app.container import open_application
from ticketing.platform.application import Application
from ticketing.platform.kernel import json_logging
from ticketing.platform.settings import Settings


class ApplicationResource(dg.ConfigurableResource[Application]):
    """Database, keys, renderer and document folder, as the environment says.

    There is nothing to configure here: `ticketing/platform/settings.py` lists all variables, for
    the web service and the command line too. They are read when a run starts.
    """

    @contextmanager
    def yield_for_execution(
        self,
        context: dg.InitResourceContext,  # noqa: ARG002 - the framework's hook
    ) -> Generator[Application]:
        """Open it, and close it when the run or the tick ends."""
        settings = Settings()
        json_logging.configure(settings.log_level, settings.log_file)
        with open_application(settings) as application:
            yield application

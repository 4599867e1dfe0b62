"""The open application, for assets, checks, sensors and schedules."""

from collections.abc import Generator
from contextlib import contextmanager

import dagster as dg

from ticketing import logs
from ticketing.application import Application
from ticketing.office import open_application
from ticketing.settings import Settings


class ApplicationResource(dg.ConfigurableResource[Application]):
    """Database, keys, renderer and document folder, as the environment says.

    There is nothing to configure here: `ticketing/settings.py` is the one list of variables, and
    the web service and the command line read the same. They are read when a run starts.
    """

    @contextmanager
    def yield_for_execution(
        self,
        context: dg.InitResourceContext,  # noqa: ARG002 - the framework's hook
    ) -> Generator[Application]:
        """Open it, and close it when the run or the tick ends."""
        settings = Settings()
        logs.configure(settings.log_level, settings.logs)
        with open_application(settings) as application:
            yield application

"""Open the application for the command line, from the environment and `.env`."""

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ticketing.application import Application
    from ticketing.settings import Settings


class EnvironmentLoader:
    """Load the application as the environment says; imports what that takes when it is asked."""

    def settings(self) -> "Settings":
        """Read the environment; a wrong variable is named with its value's fault."""
        from pydantic import ValidationError

        from ticketing.domain.errors import Misconfigured
        from ticketing.settings import Settings

        try:
            return Settings()
        except ValidationError as error:
            faults = "; ".join(
                f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()
            )
            raise Misconfigured(f"the environment (or .env) cannot be used: {faults}") from error

    @contextmanager
    def open(self, *, migrated: bool) -> "Iterator[Application]":
        """Open the application, logging to its file; `migrated` requires the newest schema."""
        from ticketing import logs
        from ticketing.office import ensure_schema, open_application

        settings = self.settings()
        logs.configure(settings.log_level, settings.logs)
        with open_application(settings) as application:
            if migrated:
                ensure_schema(application)
            yield application

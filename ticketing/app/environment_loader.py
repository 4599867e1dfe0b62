"""Open the application for the command line, from the environment and `.env`."""

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ticketing.platform.application import Application
    from ticketing.platform.settings import Settings


class EnvironmentLoader:
    """Loads the application from the environment; imports are deferred until they are needed."""

    def settings(self) -> "Settings":
        """Read the settings. Raises Misconfigured, which names the invalid variables."""
        from pydantic import ValidationError

        from ticketing.platform.kernel.errors import Misconfigured
        from ticketing.platform.settings import Settings

        try:
            return Settings()
        except ValidationError as error:
            faults = "; ".join(
                f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()
            )
            raise Misconfigured(f"the environment (or .env) cannot be used: {faults}") from error

    @contextmanager
    def open(self, *, migrated: bool) -> "Iterator[Application]":
        """Open the application and its log file; `migrated` requires the newest schema."""
        from ticketing.app.container import ensure_schema, open_application
        from ticketing.platform.kernel import json_logging as kernel_json_logging

        settings = self.settings()
        kernel_json_logging.configure(settings.log_level, settings.log_file)
        with open_application(settings) as application:
            if migrated:
                ensure_schema(application)
            yield application

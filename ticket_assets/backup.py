"""The job that backs up, verifies the new file, and deletes old ones."""

from datetime import UTC, datetime

import dagster as dg

from ticket_assets.batch import ACTOR
from ticket_assets.retries import run_attempt
from ticket_assets.run_queue import OPERATIONAL, area
from ticketing.backup.create_backup import create_backup
from ticketing.backup.source import BackupSource
from ticketing.backup.verify_backup import prune_backups, verify_backup
from ticketing.platform.application import Application
from ticketing.platform.kernel.errors import Misconfigured


@dg.op
def back_up(context: dg.OpExecutionContext, application: dg.ResourceParam[Application]) -> None:
    """Back up, read the new file completely, and delete backups older than BACKUP_KEEP_DAYS."""
    settings, source = application.settings, application.get(BackupSource)
    with run_attempt(context):
        if settings.backup_passphrase is None:
            raise Misconfigured("no passphrase: set BACKUP_PASSPHRASE, then run the job again")
        passphrase = settings.backup_passphrase.get_secret_value()
        made = create_backup(source, passphrase, at=datetime.now(UTC), by=ACTOR)
        verify_backup(application.database, made.path, passphrase, at=datetime.now(UTC))
        deleted = prune_backups(
            source, keep_days=settings.backup_keep_days, at=datetime.now(UTC), by=ACTOR
        )
    context.log.info("%s: %s bytes, %s old ones deleted", made.path, made.backup.size, len(deleted))
    context.add_output_metadata(
        {
            "file": dg.MetadataValue.path(str(made.path)),
            "bytes": made.backup.size,
            "deleted": len(deleted),
        }
    )


@dg.job(tags={**OPERATIONAL, **area("operations")})
def backup() -> None:
    """Makes an encrypted backup, verifies it, and deletes old ones. Safe to run again."""
    back_up()

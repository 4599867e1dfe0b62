"""`ticketing backup`: create, list, verify, prune."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ticketing.platform.cli.console import actor, now, open_application
from ticketing.platform.cli.options import JsonOption
from ticketing.platform.cli.output import print_counts, print_json, print_list, print_result

if TYPE_CHECKING:
    from ticketing.backup.verify_backup import CheckedBackup
    from ticketing.platform.application import Application

app = typer.Typer(no_args_is_help=True)

PassphraseOption = Annotated[
    Path | None,
    typer.Option(
        "--passphrase-file",
        help="File with the passphrase in its first line; else BACKUP_PASSPHRASE, or a question.",
    ),
]


def get_passphrase(application: "Application", file: Path | None) -> str:
    """Return the passphrase of a file, of the settings, or typed. Raises Misconfigured."""
    from ticketing.platform.kernel.errors import Misconfigured

    if file is not None:
        try:
            return file.read_text(encoding="utf-8").splitlines()[0].strip()
        except (OSError, IndexError) as error:
            raise Misconfigured(
                f"--passphrase-file: {file} has no passphrase in its first line: {error}"
            ) from error
    given = application.settings.backup_passphrase
    if given and given.get_secret_value():
        return given.get_secret_value()
    import sys

    if not sys.stdin.isatty():
        raise Misconfigured("no passphrase: set BACKUP_PASSPHRASE, or use --passphrase-file")
    typed: str = typer.prompt("Passphrase of the backup", hide_input=True, err=True)
    return typed


@app.command("create")
def create(*, passphrase_file: PassphraseOption = None, as_json: JsonOption = False) -> None:
    """Back up database, master secret, templates and reports into one encrypted file.

    PDFs are left out: they can be rendered again. Keep the passphrase where the backups are not.
    """
    from ticketing.backup.create_backup import create_backup, describe_created
    from ticketing.backup.source import BackupSource

    with open_application() as application:
        passphrase = get_passphrase(application, passphrase_file)
        made = create_backup(application.get(BackupSource), passphrase, at=now(), by=actor())
    print_result(
        describe_created(made),
        f"{made.path}: {made.backup.size:,} bytes.",
        f"To read it completely: ticketing backup verify {made.path}",
        as_json=as_json,
    )


@app.command("list")
def list_all(*, as_json: JsonOption = False) -> None:
    """List backups, newest first, with the time of their last verification."""
    from ticketing.backup import queries
    from ticketing.backup.create_backup import record_unknown_files
    from ticketing.backup.source import BackupSource

    with open_application() as application:
        source = application.get(BackupSource)
        record_unknown_files(source)
        found = application.database.run(queries.list_backups)
    print_list(
        found,
        {
            "file": lambda one: one.file_name,
            "host": lambda one: one.host,
            "taken": lambda one: one.taken_at,
            "bytes": lambda one: one.size,
            "verified": lambda one: one.verified_at,
            "here": lambda one: (source.folder / one.file_name).exists(),
        },
        as_json=as_json,
        empty="No backups. `ticketing backup create` makes one.",
    )


@app.command("verify")
def verify(
    file: Annotated[Path, typer.Argument(help="The backup file.", metavar="FILE")],
    *,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Decrypt a backup completely and compare every part; nothing is restored."""
    from ticketing.backup.verify_backup import verify_backup

    with open_application() as application:
        passphrase = get_passphrase(application, passphrase_file)
        checked = verify_backup(application.database, file, passphrase, at=now())
    print_checked(file, checked, as_json=as_json)


@app.command("prune")
def prune(
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list; delete nothing.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Delete backups older than BACKUP_KEEP_DAYS; the newest three always stay."""
    from ticketing.backup.source import BackupSource
    from ticketing.backup.verify_backup import prune_backups

    with open_application() as application:
        deleted = prune_backups(
            application.get(BackupSource),
            keep_days=application.settings.backup_keep_days,
            at=now(),
            by=actor(),
            dry_run=dry_run,
        )
    words = "would be deleted" if dry_run else "deleted"
    names = [one.file_name for one in deleted]
    lines = [f"{name}: {words}." for name in names] or ["Nothing to delete."]
    print_result({"deleted": names, "dry_run": dry_run}, *lines, as_json=as_json)


def print_checked(file: Path, checked: "CheckedBackup", *, as_json: bool) -> None:
    """Print what a file contains that was read completely."""
    manifest = checked.manifest
    if as_json:
        print_json({"file": str(file), "manifest": manifest, "members": checked.members})
        return
    print_counts(
        f"{file} is complete. Taken {manifest.taken_at:%Y-%m-%d %H:%M} UTC, master secret"
        f" {manifest.secret_fingerprint}, schema {manifest.schema_revision}:",
        {**manifest.rows, "files": checked.files},
    )

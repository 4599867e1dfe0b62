"""`ticketing restore`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ticketing.backup.cli import PassphraseOption, get_passphrase, print_checked
from ticketing.platform.cli.console import actor, now, open_application
from ticketing.platform.cli.options import JsonOption
from ticketing.platform.cli.output import format_time, print_json, print_result, print_text

if TYPE_CHECKING:
    from ticketing.backup.source import BackupSource
    from ticketing.backup.status import RestoreStatus
    from ticketing.platform.settings import Settings

_NEXT_STEPS = (
    "Held back until you decide: refunds, sending rules, removal of unknown vouchers from routers.",
    "The channels mail and whatsapp are stopped.",
    "  1. ticketing doctor",
    "  2. ticketing payments reconcile     (asks the gateway about payments after the backup)",
    "  3. ticketing restore --status       (what is still unknown)",
    "  4. ticketing restore --finish, then ticketing deliveries resume-channel mail",
)


def restore(
    file: Annotated[Path | None, typer.Argument(help="The backup file.", metavar="FILE")] = None,
    *,
    check: Annotated[
        bool, typer.Option("--check", help="Only read the file completely; restore nothing.")
    ] = False,
    status: Annotated[
        bool, typer.Option("--status", help="Show what the latest restore still holds back.")
    ] = False,
    finish: Annotated[
        bool, typer.Option("--finish", help="End what the latest restore holds back.")
    ] = False,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Restore a backup into an empty place.

    That is an empty database and data folder. Interrupted, run it again: it continues. Afterwards
    `ticketing payments reconcile` brings back payments made after the backup.
    """
    if [file is not None, status, finish].count(True) != 1 or (check and file is None):
        raise typer.BadParameter("name a FILE (also with --check), or use --status or --finish")
    if status:
        _show_status(as_json=as_json)
    elif finish:
        _finish(as_json=as_json)
    elif file is not None and check:
        _check(file, passphrase_file, as_json=as_json)
    elif file is not None:
        _restore(file, passphrase_file, as_json=as_json)


def _check(file: Path, passphrase_file: Path | None, *, as_json: bool) -> None:
    from ticketing.backup.verify_backup import check_file

    with open_application(migrated=False) as application:
        checked = check_file(file, get_passphrase(application, passphrase_file))
    print_checked(file, checked, as_json=as_json)


def _restore(file: Path, passphrase_file: Path | None, *, as_json: bool) -> None:
    from ticketing.backup.restore_backup import restore_backup
    from ticketing.backup.source import BackupSource

    with open_application(migrated=False) as application:
        passphrase = get_passphrase(application, passphrase_file)
        source = application.get(BackupSource)
        done = restore_backup(source, file, passphrase, at=now(), by=actor())
        unset = _list_unset_folders(application.settings, source)
    taken = format_time(done.manifest.taken_at)
    counts = ", ".join(f"{count:,} {name}" for name, count in done.manifest.rows.items())
    lines = [f"Restored as of {taken}: {counts}, {done.files:,} files."]
    if done.settings_file:
        lines.append(f"Settings of the backup: {done.settings_file}; copy what you need to .env.")
    print_result(done, *lines, *unset, *_NEXT_STEPS, as_json=as_json)


def _list_unset_folders(settings: "Settings", source: "BackupSource") -> list[str]:
    """Return which settings have to name the restored templates and texts."""
    named = {"templates": settings.templates_path, "messages": settings.messages_path}
    return [
        f"Set {name.upper()}_PATH={source.folders[name]} to use the restored {name}."
        for name, path in named.items()
        if path is None and source.folders[name].exists()
    ]


def _show_status(*, as_json: bool) -> None:
    from ticketing.backup.status import get_restore_status

    with open_application() as application:
        found = application.database.run(get_restore_status)
    if as_json:
        print_json({"restore": None} if found is None else found)
    elif found is None:
        print_text("This database was never restored from a backup.")
    else:
        print_text(*_describe(found))


def _describe(found: "RestoreStatus") -> list[str]:
    restore = found.restore
    reconciled = format_time(restore.reconciled_at) or "not yet: ticketing payments reconcile"
    finished = format_time(restore.finished_at) or "not yet: ticketing restore --finish"
    lines = [
        f"Restored {format_time(restore.restored_at)} by {restore.restored_by}.",
        f"Backup taken: {format_time(restore.backup_taken_at)}",
        f"Gateway asked about lost payments: {reconciled}",
        f"Finished: {finished}",
        "Vouchers on routers that nobody knows: ticketing vouchers compare --all",
        "Tickets issued after the backup are refused as such by `ticketing verify`.",
    ]
    if found.unknown_payments:
        lines.append(
            "Paid orders that were placed after the backup; look each up in the gateway's dashboard"
            " and sell it again at the box office, or refund it there:"
        )
        lines += [f"  {key}" for key in found.unknown_payments]
    return lines


def _finish(*, as_json: bool) -> None:
    from ticketing.backup import restore_queries

    with open_application() as application:
        done = application.database.run(restore_queries.finish, at=now(), by=actor())
    print_result(
        done,
        "Nothing is held back any more.",
        "To send messages again: ticketing deliveries resume-channel mail (and whatsapp)",
        as_json=as_json,
    )

"""What `ticketing up` leaves in the data folder for other commands: its lock, and addresses."""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ticketing.platform.kernel.errors import Misconfigured
from ticketing.platform.settings import Settings

LOCK_FILE, ADDRESSES_FILE = "up.lock", "simulators.json"


@contextmanager
def exclusive_start(data_path: Path) -> Iterator[None]:
    """Hold the lock of the data folder. Raises Misconfigured if another `ticketing up` holds it."""
    data_path.mkdir(parents=True, exist_ok=True)
    with (data_path / LOCK_FILE).open("a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise Misconfigured(
                f"`ticketing up` is already running for {data_path}, pid {lock.read().strip()};"
                " stop it there by Ctrl-C, or set TICKETING_DATA to another folder"
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


@contextmanager
def announced_simulators(data_path: Path, addresses: Mapping[str, str]) -> Iterator[None]:
    """Let all commands on this data folder find the simulators; `addresses` by setting."""
    path = data_path / ADDRESSES_FILE
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps(dict(addresses)), encoding="utf-8")
    draft.replace(path)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def with_running_simulators(settings: Settings) -> Settings:
    """Return the settings with the announced addresses, unless the environment has others."""
    try:
        announced = json.loads((settings.data_path / ADDRESSES_FILE).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return settings
    unset = {name: url for name, url in announced.items() if name not in settings.model_fields_set}
    return settings.model_copy(update=unset)

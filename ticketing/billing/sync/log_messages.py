"""The texts of a run's log and of its failure classes, in Indonesian and English."""

from collections import defaultdict

from ticketing.billing.sync.run_queries import LogLine

_MESSAGES = {
    "en": {
        "started": "Sync started by {by}.",
        "resumed": "Sync resumed by {by}; only what is left is asked for.",
        "retry_started": "Sync of the failed students started by {by}.",
        "listed": "{count} students are on the list.",
        "listed_twice": "{count} students are on the list; {duplicates} were listed twice.",
        "left": "{count} students are no longer on the list.",
        "leavers_held": "{count} of {known} students are missing from the list. Nothing was changed"
        " for them: accept or discard this.",
        "records_held": "{count} of {checked} records lost most of their bills. Nothing was changed"
        " for them: accept or discard this.",
        "held_accepted": "What vanished was accepted by {by}.",
        "held_discarded": "What vanished was discarded by {by}.",
        "cancelling": "Cancelled by {by}; requests in progress end.",
        "cancelled": "Cancelled. What is done is kept.",
        "completed": "Completed: {succeeded} succeeded.",
        "completed_with_failures": "Completed with failures: {succeeded} succeeded, {failed}"
        " failed.",
        "failed": "Stopped ({reason}): {message}",
    },
    "id": {
        "started": "Sinkronisasi dimulai oleh {by}.",
        "resumed": "Sinkronisasi dilanjutkan oleh {by}; hanya sisanya yang diminta.",
        "retry_started": "Sinkronisasi siswa yang gagal dimulai oleh {by}.",
        "listed": "{count} siswa ada di daftar.",
        "listed_twice": "{count} siswa ada di daftar; {duplicates} tercantum dua kali.",
        "left": "{count} siswa tidak ada lagi di daftar.",
        "leavers_held": "{count} dari {known} siswa hilang dari daftar. Data mereka tidak diubah:"
        " terima atau abaikan.",
        "records_held": "{count} dari {checked} catatan kehilangan sebagian besar tagihannya. Data"
        " itu tidak diubah: terima atau abaikan.",
        "held_accepted": "Data yang hilang diterima oleh {by}.",
        "held_discarded": "Data yang hilang diabaikan oleh {by}.",
        "cancelling": "Dibatalkan oleh {by}; permintaan yang berjalan diselesaikan.",
        "cancelled": "Dibatalkan. Yang sudah selesai tetap disimpan.",
        "completed": "Selesai: {succeeded} berhasil.",
        "completed_with_failures": "Selesai dengan kegagalan: {succeeded} berhasil, {failed}"
        " gagal.",
        "failed": "Berhenti ({reason}): {message}",
    },
}
_FAILURES = {
    "en": {
        "not_found": "not found", "timeout": "no answer in time", "bad_data": "unusable answer",
        "refused": "access refused", "throttled": "too many requests",
        "unavailable": "not reachable", "wrong_owner": "record of another student",
        "source_config": "wrong settings", "paused_quota": "quota used up",
    },
    "id": {
        "not_found": "tidak ditemukan", "timeout": "tidak ada jawaban", "bad_data": "data rusak",
        "refused": "akses ditolak", "throttled": "terlalu banyak permintaan",
        "unavailable": "tidak dapat dihubungi", "wrong_owner": "catatan siswa lain",
        "source_config": "pengaturan salah", "paused_quota": "kuota habis",
    },
}  # fmt: skip


def log_text(line: LogLine, language: str) -> str:
    """Return the text of a line in a language."""
    details = {name: value if value is not None else "" for name, value in line.details.items()}
    if details.get("reason"):
        details["reason"] = failure_text(str(details["reason"]), language)
    return _MESSAGES[language][line.code].format_map(defaultdict(str, details))


def failure_text(failure: str, language: str) -> str:
    """Return the words for a failure class."""
    return _FAILURES[language].get(failure, failure)

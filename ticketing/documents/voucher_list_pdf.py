"""The vouchers of a large order as a PDF, from `templates/vouchers/`."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock

from ticketing.documents.html_pdf import render_html_pdf
from ticketing.platform.paths import TEMPLATES

FOLDER = TEMPLATES / "vouchers"
_RENDERING = Lock()  # messages are composed by several threads, and the engine is for one


@dataclass(frozen=True, slots=True)
class VoucherGroup:
    """Vouchers with the same terms, which are printed once."""

    terms: str
    codes: Sequence[str] = field(repr=False)


def render_voucher_list_pdf(
    language: str, *, network: str, order_code: str, groups: Sequence[VoucherGroup]
) -> bytes:
    """Return the list in a language of the message templates."""
    context = {"network": network, "order_code": order_code, "groups": groups}
    with _RENDERING:
        return render_html_pdf(FOLDER / f"list.{language}.html.j2", FOLDER / "list.css", context)

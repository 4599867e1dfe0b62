"""Bills as JSON, for versions and for records that are held; amounts are texts, never floats."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from ticketing.billing.sources.contract import Bill, FetchedRecord, PaymentState

BILLS, RAW = "bills", "raw"


def bill_to_json(bill: Bill) -> dict[str, Any]:
    """Return a bill as a JSON object."""
    return {
        "source_ref": bill.source_ref,
        "bill_code": bill.bill_code,
        "period": bill.period,
        "amount_due": str(bill.amount_due),
        "amount_paid": str(bill.amount_paid),
        "state": bill.state,
        "stated_state": bill.stated_state,
        "paid_at": bill.paid_at and bill.paid_at.isoformat(),
        "currency": bill.currency,
    }


def bill_from_json(value: dict[str, Any]) -> Bill:
    """Return the bill of a JSON object."""
    stated, paid = value["stated_state"], value["paid_at"]
    return Bill(
        value["source_ref"],
        value["bill_code"],
        value["period"],
        Decimal(value["amount_due"]),
        Decimal(value["amount_paid"]),
        PaymentState(value["state"]),
        stated and PaymentState(stated),
        _parse_paid(paid) if paid else None,
        value["currency"],
    )


def _parse_paid(text: str) -> date | datetime:
    return datetime.fromisoformat(text) if "T" in text else date.fromisoformat(text)


def record_to_json(record: FetchedRecord, mapping_version: str) -> dict[str, Any]:
    """Return a fetched record as a JSON object that keeps the received text as it is."""
    return {
        RAW: record.raw,
        "external_id": record.external_id,
        "checksum": record.checksum,
        "etag": record.etag,
        "mapping_version": mapping_version,
        BILLS: [bill_to_json(bill) for bill in record.bills],
    }


def record_from_json(value: dict[str, Any]) -> tuple[FetchedRecord, str]:
    """Return the record of a JSON object, and the version of the mapping that read it."""
    record = FetchedRecord(
        value["external_id"],
        value[RAW],
        value["checksum"],
        value["etag"],
        tuple(map(bill_from_json, value[BILLS])),
    )
    return record, value["mapping_version"]

import json
from pathlib import Path
from typing import Any

import pytest

from ticketing.billing.sources.contract import FailedFetch, FailureClass, FetchedRecord
from ticketing.billing.sources.mapping.load import load_mapping
from ticketing.billing.sources.mapping.model import SourceMapping
from ticketing.billing.sources.mapping.record import read_record
from ticketing.billing.sources.strict_json import BadDocument, decode_document, parse_document
from ticketing.platform.kernel.errors import Misconfigured

SHAPES = Path(__file__).parent / "shapes"
OWNER = "0001234"
ITEM = {
    "unit_id": "02", "amount_billed": "100", "amount_paid": "0", "payment_status": "unpaid",
    "journal_date": "2026-02-10",
}  # fmt: skip


@pytest.fixture(scope="module")
def mapping() -> SourceMapping:
    return load_mapping(SHAPES / "pesantren.toml")


def document(*items: dict[str, Any], owner: object = OWNER, period: str = "20252026") -> str:
    categories = [{"category_name": "SPP", "items": list(items)}]
    periods = [{"period_id": period, "categories": categories}] if items else []
    return json.dumps({"status": True, "data": [{"idperson": owner, "periods": periods}]})


REFUSED = {
    "a missing list": ('{"status":true}', "doc.data is missing"),
    "a null list": ('{"status":true,"data":null}', "doc.data is null"),
    "no success": ('{"status":false,"message":"x","data":[]}', "status is False"),
    "a number for true": ('{"status":1,"data":[]}', "status is 1"),
    "nobody's record": (document(owner=None), "owner.idperson has no value"),
    "an unknown word": (
        document(ITEM | {"payment_status": "Cicil?"}),
        "'Cicil?' is not in the map",
    ),
    "an odd amount": (document(ITEM | {"amount_billed": "1.500.000"}), "amount_due: '1.500.000'"),
    "true as amount": (document(ITEM | {"amount_paid": True}), "amount_paid: True is no amount"),
    "a missing part of a key": (document(ITEM | {"unit_id": ""}), "item.unit_id has no value"),
    "a row twice": (document(ITEM, ITEM), "2 times in one record"),
    "an impossible year": (document(ITEM, period="20252027"), "no academic year"),
    "a date of year 1": (document(ITEM | {"journal_date": "0001-01-01"}), "the year is 1"),
    "digits of another script": (document(ITEM | {"journal_date": "٢٠٢٦-02-10"}), "is no date"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_document_that_does_not_fit_is_refused_with_field_and_value(
    name: str, mapping: SourceMapping
) -> None:
    text, message = REFUSED[name]

    refused = read_record(mapping, OWNER, text)

    assert isinstance(refused, FailedFetch), refused
    assert refused.failure is FailureClass.BAD_DATA
    assert message in refused.message


@pytest.mark.parametrize("items", [(), (ITEM,)])
def test_the_record_of_another_student_is_refused_also_without_bills(
    items: tuple[dict[str, Any], ...], mapping: SourceMapping
) -> None:
    refused = read_record(mapping, OWNER, document(*items, owner="0001235"))

    assert isinstance(refused, FailedFetch)
    assert refused.failure is FailureClass.WRONG_OWNER


def test_an_empty_list_is_a_record_without_bills(mapping: SourceMapping) -> None:
    record = read_record(mapping, OWNER, '{"status":true,"data":[]}')

    assert isinstance(record, FetchedRecord)
    assert record.bills == ()


def test_a_new_period_appears_by_itself(mapping: SourceMapping) -> None:
    record = read_record(mapping, OWNER, document(ITEM, period="20392040"))

    assert isinstance(record, FetchedRecord)
    assert [bill.period for bill in record.bills] == ["2039/2040"]


def test_the_checksum_ignores_order_and_volatile_fields_and_nothing_else(
    mapping: SourceMapping,
) -> None:
    texts = [
        '{"status":true,"data":[],"generated_at":"08:00"}',
        '{"generated_at":"09:00", "data":[], "status":true}',
        '{"status":true,"data":[],"as_of":"09:00"}',
    ]

    sums = [getattr(read_record(mapping, OWNER, text), "checksum", None) for text in texts]

    assert sums[0] == sums[1]
    assert sums[2] not in {None, sums[0]}


@pytest.mark.parametrize(
    "text",
    [
        "", "{} {}", "<br />\n<b>Warning</b>{}", '{"a":NaN}', '{"a":Infinity}', '{"a":1e999}',
        '{"a":1,"a":2}', r'{"a":"\u0000"}', r'{"a":"\ud800"}', "[" * 100_000, '{"a":1',
        '{"a":' + "9" * 5000 + "}",
    ],
)  # fmt: skip
def test_json_that_others_accept_silently_is_refused(text: str) -> None:
    with pytest.raises(BadDocument):
        parse_document(text)


def test_a_body_is_decoded_as_it_is_declared_and_a_byte_order_mark_is_none_of_it() -> None:
    assert decode_document(b"\xef\xbb\xbf{}") == "{}"
    assert decode_document("é".encode("latin-1"), "latin-1") == "é"
    for body in (b"", b" \n", "é".encode("latin-1")):
        with pytest.raises(BadDocument):
            decode_document(body)


@pytest.mark.parametrize(
    ("line", "replacement", "message"),
    [
        ('owner = "owner.idperson"', 'owner = "onwer.idperson"', "begins with none of"),
        ('money = "plain"', 'money = "dutch"', "rows.fields.amount_due.money"),
        ('name = "pesantren"', 'nama = "x"', "nama: Extra inputs"),
        ('name = "pesantren"', 'name = "x"\nzone = "Asia/Atlantis"', "no time zone"),
        ('name = "pesantren"', "name =", "is no TOML file"),
    ],
)
def test_a_wrong_mapping_file_is_refused_with_the_key(
    line: str, replacement: str, message: str, tmp_path: Path
) -> None:
    file = tmp_path / "mapping.toml"
    file.write_text((SHAPES / "pesantren.toml").read_text().replace(line, replacement))

    with pytest.raises(Misconfigured, match=message):
        load_mapping(file)


def test_the_version_of_a_mapping_changes_with_meaning_and_address_not_with_comments(
    tmp_path: Path,
) -> None:
    text = (SHAPES / "pesantren.toml").read_text()
    file = tmp_path / "mapping.toml"
    versions = []
    for content, address in [(text, ""), (f"# hi\n{text}", ""), (text, "https://x"),
                             (text.replace('missing = "0"', 'missing = "1"'), "")]:  # fmt: skip
        file.write_text(content)
        versions.append(load_mapping(file, address).version)

    assert versions[0] == versions[1]
    assert len(set(versions)) == 3


def test_a_reversed_payment_gives_no_date() -> None:
    mapping = load_mapping(SHAPES / "campus.toml")
    rule = {"field": "status", "in": ["REVERSAL"], "amount": "nominal"}
    given = mapping.model_dump(by_alias=True)
    given["rows"]["fields"]["paid_at"]["reversals"] = rule
    pairing = SourceMapping.model_validate(given)

    record = read_record(pairing, "M2101", (SHAPES / "campus.json").read_text())

    assert isinstance(record, FetchedRecord), record
    assert f"{record.bills[0].paid_at:%Y-%m-%d %H:%M}" == "2025-08-20 02:00"


def test_a_record_that_contradicts_its_own_summary_is_accepted_and_says_so() -> None:
    mapping = load_mapping(SHAPES / "pesantren.toml")
    given = mapping.model_dump(by_alias=True)
    given["rows"]["summary"] = {
        "each": [["owner", "doc.data"], ["period", "owner.periods"]],
        "due": "period.summary.total_billed",
    }
    comparing = SourceMapping.model_validate(given)
    text = (SHAPES / "pesantren.json").read_text()

    right, wrong = (
        read_record(comparing, OWNER, each) for each in (text, text.replace("1350000", "1350001"))
    )

    assert isinstance(right, FetchedRecord)
    assert isinstance(wrong, FetchedRecord)
    assert right.contradictions == ()
    assert wrong.contradictions == ("due: the record says 1350001, its bills add up to 1350000.00",)

"""Tests of the code that a buyer pays to, read from the gateway's status answers."""

import pytest

from ticketing.selling.payments.midtrans.payment_code import payment_code


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ({"va_numbers": [{"bank": "bca", "va_number": "12345678901"}]}, "BCA 12345678901"),
        ({"permata_va_number": "8778123412341234"}, "Permata 8778123412341234"),
        ({"biller_code": "70012", "bill_key": "990000000260"}, "Mandiri 70012 990000000260"),
        ({"store": "indomaret", "payment_code": "10997865432101"}, "Indomaret 10997865432101"),
        ({"payment_type": "gopay"}, ""),
        ({"va_numbers": []}, ""),
        ({"va_numbers": [{"bank": "<b>bca", "va_number": "12345678901"}]}, ""),
        ({"va_numbers": [{"bank": "bca", "va_number": 12345678901}]}, ""),
        ({"permata_va_number": "call 0812-1234 now"}, ""),
    ],
)
def test_a_code_is_read_with_its_bank_and_an_unreadable_one_is_left_out(
    answer: dict[str, object], code: str
) -> None:
    assert payment_code(answer) == code

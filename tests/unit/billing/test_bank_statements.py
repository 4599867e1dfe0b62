"""Tests of reading statements of banks: layouts, dates without a year, sums, keys of rows."""

import re
import tomllib
from decimal import Decimal
from pathlib import Path

import pytest

from ticketing.billing.bank_statements.bank_mapping import BankMapping, load_bank_mapping
from ticketing.billing.bank_statements.read_statement import BankStatement, read_statement
from ticketing.platform.kernel.errors import Misconfigured, UnreadableFile
from ticketing.platform.paths import PROJECT_ROOT
from ticketing.roster.sources.table_rows import iter_table

BCA = """Informasi Rekening - Mutasi Rekening
Periode : 01/12/2026 - 31/01/2027
Tanggal Transaksi,Keterangan,Cabang,Jumlah,,Saldo
'30/12,TRSF E-BANKING 0001234 SPP,0000,"350,000.00",CR,"1,350,000.00"
'05/01,SETORAN TUNAI AHMAD FAUZI,0000,"350,000.00",CR,"1,700,000.00"
'05/01,BIAYA ADM,0000,"15,000.00",DB,"1,685,000.00"
PEND,TRSF 0001235,0000,"350,000.00",CR,
Saldo Awal,:,"1,000,000.00"
Mutasi Kredit,:,"700,000.00"
Mutasi Debet,:,"15,000.00"
"""
BRI = """
bank = "bri"
account = "1"
delimiter = ";"
columns = { date = "TGL_TRAN", description = "DESK_TRAN", credit = "MUTASI_KREDIT" }
formats = { date = "%d/%m/%y", money = "en" }
"""


def bca_mapping() -> str:
    """Return the mapping file of the page about bank statements."""
    page = (PROJECT_ROOT / "docs/how-to/bank-statements.md").read_text(encoding="utf-8")
    (found,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    return str(found)


def read(tmp_path: Path, content: str, mapping: str) -> BankStatement:
    file = tmp_path / "statement.csv"
    file.write_text(content, encoding="utf-8")
    known = BankMapping.model_validate(tomllib.loads(mapping))
    return read_statement(iter_table(file, delimiter=known.delimiter), known)


def test_a_statement_takes_years_from_its_period_and_is_compared_with_its_own_sum(
    tmp_path: Path,
) -> None:
    found = read(tmp_path, BCA, bca_mapping())

    assert [(str(row.booked_on), row.amount) for row in found.rows] == [
        ("2026-12-30", Decimal("350000.00")), ("2027-01-05", Decimal("350000.00")),
    ]  # fmt: skip
    assert (found.debits, found.pending, found.stated_credit) == (1, 1, Decimal("700000.00"))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('Mutasi Kredit,:,"700,000.00"', 'Mutasi Kredit,:,"700,001.00"', "its rows sum up to"),
        ('Mutasi Kredit,:,"700,000.00"\n', "", "the file is incomplete"),
        ("'05/01,SETORAN", "'05-01,SETORAN", r"line 5: date '05-01' is not written as %d/%m"),
        ("'30/12", "'30/11", "outside of the period"),
        ("Keterangan", "Uraian", "no row has all of the columns"),
        ("Periode :", "Masa", "have no period"),
        ('"350,000.00",CR,"1,350', '"350.000,00",CR,"1,350', "line 4: .* is no amount"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_with_the_place(
    old: str, new: str, expected: str, tmp_path: Path
) -> None:
    with pytest.raises(UnreadableFile, match=expected):
        read(tmp_path, BCA.replace(old, new), bca_mapping())


def test_equal_rows_keep_their_keys_in_an_overlapping_file(tmp_path: Path) -> None:
    header = "TGL_TRAN;DESK_TRAN;MUTASI_DEBET;MUTASI_KREDIT;SALDO_AKHIR_MUTASI\n"
    one, other = "05/01/27;SPP A;.00;350,000.00;1\n", "04/01/27;SPP B;.00;1,000.00;1\n"
    first = read(tmp_path, header + other + one + one, BRI)
    later = read(tmp_path, header + one + one + "06/01/27;SPP A;.00;350,000.00;1\n", BRI)

    keys = [row.key for row in first.rows]
    assert len(set(keys)) == 3
    assert [row.key for row in later.rows][:2] == keys[1:]
    assert later.rows[2].key not in keys


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (', credit = "MUTASI_KREDIT"', "", "`credit` or `amount`"),
        ("%d/%m/%y", "%d/%m", "without a year needs `period`"),
        ('bank = "bri"', 'bnk = "bri"', "bnk"),
    ],
)
def test_a_wrong_mapping_names_the_key(old: str, new: str, expected: str, tmp_path: Path) -> None:
    file = tmp_path / "bank.toml"
    file.write_text(BRI.replace(old, new), encoding="utf-8")

    with pytest.raises(Misconfigured, match=expected):
        load_bank_mapping(file)

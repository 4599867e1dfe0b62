"""The statement of differences as a workbook: differences, sums by class, age of the records."""

from io import BytesIO

import pandas as pd

from ticketing.billing.differences.statement import Statement
from ticketing.platform.kernel.xlsx_writer import Table, write_workbook


def make_difference_workbook(statement: Statement) -> bytes:
    """Return the three sheets; amounts are numbers."""
    ages = pd.DataFrame({"age": statement.ages.index, "students": statement.ages.to_numpy()})
    file = BytesIO()
    write_workbook(
        file,
        {
            "differences": _table(statement.differences),
            "classes": _table(statement.groups),
            "age of records": _table(ages),
        },
    )
    return file.getvalue()


def _table(frame: pd.DataFrame) -> Table:
    filled = frame.astype(object).where(pd.notna(frame), None)
    return list(filled.columns), filled.itertuples(index=False, name=None)

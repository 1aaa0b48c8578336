"""A study's table as files: CSV, and Parquet where pyarrow is installed."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from io import BytesIO, StringIO
from pathlib import Path

from virtual_agora.reports.files import write_atomically
from virtual_agora.studies.columns import COLUMNS, Kind
from virtual_agora.studies.rows import Row, Value

__all__ = ["can_write_parquet", "write_tables"]


FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
"""What a spreadsheet takes for the beginning of a formula."""


def can_write_parquet() -> bool:
    """Whether pyarrow is there."""
    try:
        import pyarrow.parquet  # type: ignore[import-untyped]  # noqa: F401
    except ImportError:
        return False
    return True


def write_tables(rows: Sequence[Row], folder: Path) -> list[Path]:
    """Write `table.csv`, and `table.parquet` if that can be done; what was written.

    The CSV has a header; an empty field is a missing value, and yes/no is written `true` and `false`. A text that a
    spreadsheet would take for a formula begins with an apostrophe, as it does there.

    Raises:
        StorageError: the disk refuses.
    """
    files: dict[str, str | bytes] = {"table.csv": _csv(rows)}
    if can_write_parquet():
        files["table.parquet"] = _parquet(rows)
    for name, content in files.items():
        write_atomically(folder / name, content)
    return [folder / name for name in files]


def _csv(rows: Sequence[Row]) -> str:
    text = StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerow(column.name for column in COLUMNS)
    table.writerows([_field(row[column.name]) for column in COLUMNS] for row in rows)
    return text.getvalue()


def _field(value: Value) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case str() if value.lstrip().startswith(FORMULA):
            return f"'{value}"
    return str(value)


def _parquet(rows: Sequence[Row]) -> bytes:
    # Imported only here: it is an extra, and takes a while.
    import pyarrow as pa
    from pyarrow import parquet

    kinds: dict[Kind, pa.DataType] = {
        "text": pa.string(),
        "whole": pa.int64(),
        "number": pa.float64(),
        "yes/no": pa.bool_(),
    }
    schema = pa.schema([(column.name, kinds[column.kind]) for column in COLUMNS])
    file = BytesIO()
    parquet.write_table(pa.Table.from_pylist(list(rows), schema=schema), file)
    return file.getvalue()

"""Where memory went: the option `--parity-memray` tracks every test with the fixture `parity`, by memray."""

from __future__ import annotations

import sysconfig
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from langgraph_parity import running
from langgraph_parity.running import Parity

__all__ = ["Allocations"]

MOST = 3
KIT = str(Path(__file__).parent)
NOT_THE_APPLICATION = (KIT, "<", *(sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")))  # fmt: skip
"""How paths begin of files that are installed, or are none."""

Frame = tuple[str, str, int]
"""Function, file, line."""


class Allocations:
    """A plugin of pytest; it tells `Parity` who had allocated most when a test took most memory.

    Raises:
        pytest.UsageError: memray is not installed.
    """

    def __init__(self) -> None:
        try:
            import memray
        except ImportError:
            raise pytest.UsageError(
                "--parity-memray needs the package memray: pip install 'langgraph-parity[memray]'."
            ) from None
        self.memray = memray

    # Inside the plugin's own wrapper, which shows the findings.
    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        """Track a test."""
        parity = getattr(item, "funcargs", {}).get("parity")
        if not isinstance(parity, Parity):
            return (yield)
        with TemporaryDirectory() as folder:
            path, kind = Path(folder, "allocations"), self.memray.FileFormat
            try:
                with self.memray.Tracker(path, file_format=kind.AGGREGATED_ALLOCATIONS):
                    return (yield)
            finally:
                parity.allocated = most(self._read(path))

    def _read(self, path: Path) -> Iterator[tuple[int, list[Frame]]]:
        with self.memray.FileReader(path) as reader:
            for record in reader.get_high_watermark_allocation_records():
                yield record.size, record.stack_trace()


def most(allocated: Iterable[tuple[int, list[Frame]]]) -> str:
    """The places that allocated most, in a line; the application's own where there are any on the stacks.

    Each allocation has its bytes and its stack, the innermost frame first.
    """
    own: Counter[Frame] = Counter()
    others: Counter[Frame] = Counter()
    for size, stack in allocated:
        files = [file for _, file, _ in stack]
        # Beyond what drives the application stands the test.
        inside = stack[: files.index(running.__file__)] if running.__file__ in files else stack
        places = [f for f in inside if not f[1].startswith(NOT_THE_APPLICATION)]
        if places:
            own[places[0]] += size
        elif stack:  # threads of C code have none
            others[stack[0]] += size
    named = [
        f"{Path(file).name}:{line} {function} {size / 2**20:.1f} MB"
        for (function, file, line), size in (own or others).most_common(MOST)
    ]
    return ", ".join(named)

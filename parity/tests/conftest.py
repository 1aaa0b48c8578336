import importlib.util
from collections.abc import Iterator

import pytest

from langgraph_parity.postgres import server

pytest_plugins = ["pytester"]

# The kit is tested without the application beside it, too.
collect_ignore = [] if importlib.util.find_spec("virtual_agora") else ["test_agora_history.py"]


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of a PostgreSQL database of this session's own."""
    with server() as address:
        yield address


@pytest.fixture
def pytester(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """Without Hypothesis' plugin, which loads all of Hypothesis in every run and every worker."""
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p no:hypothesispytest")
    return pytester

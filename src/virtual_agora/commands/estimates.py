"""What a session takes, worked out from the command line and from earlier sessions."""

from __future__ import annotations

from collections.abc import Sequence

from virtual_agora.config.models import Config
from virtual_agora.estimates.estimate import Estimate, estimate
from virtual_agora.estimates.work import CHARACTERS
from virtual_agora.execution.session import Agora
from virtual_agora.state.schema import ContextDocument

__all__ = ["estimated", "tokens_of"]


def tokens_of(documents: Sequence[ContextDocument]) -> int:
    """The tokens of all documents together."""
    return sum(document["tokens"] for document in documents)


def estimated(
    agora: Agora | None,
    config: Config,
    theme: str,
    topics: Sequence[str],
    documents: Sequence[ContextDocument],
) -> Estimate:
    """The estimate for such a session; without an `agora` nothing is known of earlier ones."""
    material = len(theme) // CHARACTERS + tokens_of(documents)
    earlier = agora.complete() if agora else []
    return estimate(config, len(topics), material, earlier)

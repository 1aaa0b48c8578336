"""What can be said in numbers of a deliberation: computed from a session's state alone, and plain data."""

from virtual_agora.measures.session import measure
from virtual_agora.measures.words import Explanation, explain

__all__ = ["Explanation", "explain", "measure"]

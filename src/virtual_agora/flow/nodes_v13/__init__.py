"""The steps of the protocol, one module per phase.

`interrupt` is looked up here at every question: `virtual_agora.flow.nodes_v13.interrupt`.
"""

from langgraph.types import interrupt

__all__ = ["interrupt"]

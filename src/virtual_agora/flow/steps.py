"""The steps of protocol 1.3 by name."""

from __future__ import annotations

__all__ = ["BESIDE", "NODES"]

NODES: dict[str, int] = {
    "config_and_keys": 0,
    "agent_instantiation": 0,
    "get_theme": 0,
    "agenda_proposal": 1,
    "topic_refinement": 1,
    "collate_proposals": 1,
    "agenda_voting": 1,
    "synthesize_agenda": 1,
    "agenda_approval": 1,
    "announce_item": 2,
    "opening_positions": 2,
    "user_turn": 2,
    "discussion_round": 2,
    "round_summarization": 2,
    "end_topic_poll": 2,
    "periodic_user_stop": 2,
    "vote_evaluation": 2,
    "final_considerations": 3,
    "closing_positions": 3,
    "topic_report_generation": 3,
    "topic_summary_generation": 3,
    "file_output": 3,
    "agent_poll": 4,
    "user_approval": 4,
    "agenda_modification": 4,
    "final_report_generation": 5,
    "multi_file_output": 5,
}
"""Every step and the phase it belongs to. Names are persisted in checkpoints: a rename needs a migration."""

BESIDE = frozenset({"closing_positions"})
"""Steps that begin together with another one of their phase, which says for both that it is entered."""

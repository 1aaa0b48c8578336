"""The columns of a study's table: what each holds, and of what type it is."""

from __future__ import annotations

from typing import Literal, NamedTuple

from virtual_agora.measures import explain

__all__ = ["COLUMNS", "Column", "Kind"]

Kind = Literal["text", "whole", "number", "yes/no"]


class Column(NamedTuple):
    """A column. `heading` is what the comparison calls it, empty if it is not compared; `unit` and `note` explain it there."""

    name: str
    kind: Kind
    about: str
    heading: str = ""
    unit: str = ""
    note: str = ""


def _measure(name: str, measure: str, which: str = "") -> Column:
    """The column of a measure, by its name in the explanations; `which` says which of its values."""
    words = explain(measure)
    about = f"`{measure}`{', ' if which else ''}{which}"
    heading = f"{words.title}{', ' if which else ''}{which}"
    return Column(name, "number", about, heading, words.unit, f"{words.meaning} {words.reading}")


COLUMNS = (
    # The session.
    Column("study", "text", "the study's name"),
    Column("session", "text", "the session's name; with it `virtual-agora show` shows the session"),
    Column("question", "text", "the question's name: a factor"),
    Column("panel", "text", "the panel's name: a factor"),
    Column("rule", "text", "the name of the rules: a factor"),
    Column("seed", "whole", "the seed: a factor"),
    Column("participants", "whole", "how many participants the panel has"),
    Column("conclude", "text", "the rule in force; this and the next eight are keys of `session`"),
    Column("voting_rule", "text", "likewise"),
    Column("min_rounds", "whole", "likewise"),
    Column("max_rounds", "whole", "likewise"),
    Column("participation", "text", "likewise"),
    Column("attribution", "text", "likewise"),
    Column("dissenter", "yes/no", "likewise"),
    Column("positions", "text", "likewise"),
    Column("control", "yes/no", "likewise"),
    Column("with_single_model", "yes/no", "the key `single_model`"),
    Column("status", "text", "`complete`, `failed`, or `unfinished`"),
    Column("reason", "text", "why it failed"),
    Column("demo", "text", "the stamp of a session with scripted text; empty if only models spoke"),
    Column("calls", "whole", "calls to models, each counted once however often it was tried", "Calls", "calls to models"),
    Column("failed_calls", "whole", "those that failed for good"),
    Column("repaired_calls", "whole", "those whose answer had to be asked for again"),
    Column("input_tokens", "whole", "tokens sent"),
    Column("output_tokens", "whole", "tokens received", "Output tokens", "tokens"),
    Column("cost", "number", "US dollars; empty where a price is unknown", "Cost", "US dollars"),
    Column("seconds", "number", "from the session's beginning to its latest step, with every break", "Time", "seconds, with every break"),
    Column("excluded", "whole", "participants that were excluded"),
    Column("turns_lost", "whole", "turns that were skipped"),
    Column("abstentions", "whole", "answers that were unusable"),
    _measure("agenda_winner_margin", "winner_margin"),
    _measure("agenda_kendall_tau", "kendall_tau"),
    _measure("agenda_rule_agreement", "rule_agreement"),
    Column("retained_turns", "whole", "number of `retained_turns`"),
    _measure("tokens_per_retained_turn", "tokens_per_retained_turn"),
    Column("claims", "whole", "paragraphs, list items and rows of tables in the reports and the summaries of topics"),
    _measure("unsupported_claims", "unsupported_claims")._replace(kind="whole"),
    # The topic.
    Column("topic_number", "whole", "which topic of the session this row is about, from 1; empty: none was closed"),
    Column("topic", "text", "the topic"),
    Column("rounds", "whole", "rounds on it", "Rounds", "rounds on a topic"),
    Column("concluded_by", "text", "`vote`, `max_rounds`, `user` or `budget`"),
    Column("words", "whole", "words said in its rounds", "Words said", "words in the rounds"),
    _measure("balance", "participation.balance"),
    _measure("agreement_before", "agreement.stances", "before the first round"),
    _measure("agreement_after", "agreement.stances", "at the end"),
    _measure("agreement_words", "agreement.words", "in the last round"),
    _measure("agreement_poll", "agreement.poll", "the last one"),
    Column("collapse", "whole", "`collapse`"),
    _measure("diversity", "diversity"),
    _measure("drift", "drift", "mean over the rounds"),
    _measure("opinion_shift", "opinion_shift"),
    _measure("gross_shift", "gross_shift"),
    _measure("control_shift", "control_shift"),
    _measure("gross_control_shift", "gross_control_shift"),
    _measure("net_shift", "net_shift"),
    _measure("toward_majority", "toward_majority"),
    _measure("minority_survival", "minority.survival"),
    Column("vote_only_support", "whole", "`vote_only`: in support before the discussion"),
    Column("vote_only_oppose", "whole", "opposed before the discussion"),
    Column("vote_only_undecided", "whole", "undecided before the discussion"),
    Column("vote_only_side", "text", "the larger side of them: `support`, `oppose`, `tied`, or `undecided` if nobody is on a side"),
    Column("decided_support", "whole", "`decided`: in support after the discussion"),
    Column("decided_oppose", "whole", "opposed after the discussion"),
    Column("decided_undecided", "whole", "undecided after the discussion"),
    Column("decided_side", "text", "the larger side of them"),
    Column("single_model_stance", "whole", "`single_model`: the stance of one model without a persona, −3 to 3"),
    Column("single_model_side", "text", "its side"),
    Column("discussion_changed_side", "yes/no", "whether `decided_side` differs from `vote_only_side`", "The discussion changed the side", "share of sessions, 0 to 1"),
    Column("expected", "text", "the question's `expected`"),
    Column("vote_only_right", "yes/no", "whether `vote_only_side` is the expected one", "Right by vote alone", "share of sessions, 0 to 1"),
    Column("decided_right", "yes/no", "whether `decided_side` is the expected one", "Right after the discussion", "share of sessions, 0 to 1"),
    Column("single_model_right", "yes/no", "whether `single_model_side` is the expected one", "Right by the single model", "share of sessions, 0 to 1"),
)  # fmt: skip
"""In order. A name in backticks alone is a measure; `docs/measures.md` defines it."""

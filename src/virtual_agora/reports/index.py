"""The overview, `index.md`: where everything is, how it was decided, and who was not heard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from virtual_agora.citations import citable
from virtual_agora.reports.facts import (
    State,
    absent,
    amount,
    before_discussion,
    conclusion,
    last_poll,
    notices_on,
    participants,
    pending,
    poll_words,
    report_on,
    summary_of,
)
from virtual_agora.reports.facts import topics as taken_up
from virtual_agora.reports.first_page import ALL_WELL, warnings
from virtual_agora.reports.forks import paid_before
from virtual_agora.reports.markdown import block, inline, table
from virtual_agora.reports.traces import traced
from virtual_agora.reports.verdicts import other_rules, rule_name
from virtual_agora.reports.words import (
    beginning,
    cost_words,
    join,
    money,
    notice_lines,
    short,
    stamp,
    theme,
    tokens_in,
)
from virtual_agora.state.schema import TopicSummary, Usage
from virtual_agora.state.usage import spent

__all__ = ["Entry", "index"]

LONGEST_PERSONA = 160
LONGEST_ANSWER = 1500
TRANSCRIPT = "transcript.md"
MODERATED = {"moderator": "Moderator", "summarizer": "Summarizer", "report_writer": "Report writer"}


@dataclass(frozen=True, slots=True)
class Entry:
    """A file that the overview names; `path` is relative to the reports' folder."""

    title: str
    path: str

    def link(self, *, above: str = "") -> str:
        """A link from a file in the folder `above`."""
        return f"[{inline(self.title)}]({quote(self.path.removeprefix(above))})"


def index(state: State, *, finals: Sequence[Entry], topics: Sequence[Entry]) -> str:
    """The overview; `finals` and `topics` are the files of the final report and of the topics."""
    parts = [
        f"# {theme(state)}",
        *stamp(state),
        *_warnings(state),
        *_whole_theme(state),
        *_answer(state, finals),
        *_final(finals),
        "## How it came about" if finals else "",
        _opening(state, topics),
        *_topics(state, topics),
        *_agenda(state),
        *_panel(state),
        *_in_detail(state),
        *_cost(state),
        *_files(state),
    ]
    return join(parts)


def _warnings(state: State) -> list[str]:
    lines = [f"- **{remark.about}**: {remark.text}" for remark in warnings(state)]
    return ["## What a reader should know first", "\n".join(lines) or ALL_WELL]


def _is_complete(state: State) -> bool:
    return bool(state.get("status") == "complete")


def _whole_theme(state: State) -> list[str]:
    whole: str = state["main_topic"].strip()
    return [] if inline(whole) == theme(state) and "\n" not in whole else [block(whole, under=1)]


def _opening(state: State, topics: Sequence[Entry]) -> str:
    rounds = sum(summary["rounds"] for summary in state.get("topic_summaries", []))
    panel = amount(len(participants(state)), "participant")
    began = f"{datetime.fromisoformat(state['start_time']):%Y-%m-%d %H:%M} UTC"
    session = f"Session `{state['session_id']}`."
    if so_far := before_discussion(state):
        return f"The panel has {panel}. {so_far} Begun {began}. {session}"
    return (
        f"{panel} deliberated on {amount(len(topics), 'topic')} in {amount(rounds, 'round')}, "
        f"beginning {began}. {session}"
    )


def _answer(state: State, finals: Sequence[Entry]) -> list[str]:
    """What the final report begins with, as far as it fits on the first page."""
    report = report_on(state, "")
    text = report["sections"][0]["text"].strip() if report and finals else ""
    if not text:
        return []
    shown = beginning(text, LONGEST_ANSWER)
    link = "" if shown == text else f"[In full]({quote(finals[0].path)})"
    known = citable(state.get("messages", []))
    return [
        f"## {inline(finals[0].title)}",
        traced(shown, under=2, known=known, page=TRANSCRIPT),
        link,
    ]


def _final(finals: Sequence[Entry]) -> list[str]:
    if not finals:
        return []
    lines = [f"{number}. {entry.link()}" for number, entry in enumerate(finals, start=1)]
    return ["## The final report", "\n".join(lines)]


def _topics(state: State, topics: Sequence[Entry]) -> list[str]:
    parts = ["## What was concluded", "" if topics else "Nothing so far."]
    for number, entry in enumerate(topics, start=1):
        summary = summary_of(state, entry.title)
        how = conclusion(state, entry.title)
        if summary:
            how = f"{amount(summary['rounds'], 'round')}; {how}"
        parts += [
            f"### {number}. {entry.link()}",
            _gist(state, summary) if summary else "",
            f"*{how[0].upper()}{how[1:]}.*",
        ]
    if poll := last_poll(state, "end_session"):
        parts.append(f"The last poll on ending the session: {poll_words(poll)}.")
    if open_topics := state.get("agenda", []):
        what = "Left undiscussed" if _is_complete(state) else "Still on the agenda"
        parts.append(f"{what}: {'; '.join(f'“{inline(t)}”' for t in open_topics)}.")
    return parts


def _gist(state: State, summary: TopicSummary) -> str:
    known = citable(state.get("messages", []), summary["topic"])
    return traced(summary["text"], under=3, known=known, page=TRANSCRIPT)


def _agenda(state: State) -> list[str]:
    parts = ["## The agenda"]
    tally = state.get("tally")
    if not tally:
        defined = state.get("user_defines_topics")
        said = "The user defined the topics." if defined else "No agenda has been voted on."
        return [*parts, said]
    scores = tally["scores"]
    proposed = state.get("proposed_agenda", [])
    rows = [
        [str(place), inline(title), _score(scores, title), _what_became_of(state, title)]
        for place, title in enumerate(proposed, start=1)
    ]
    others = [t for t in [*taken_up(state), *state.get("agenda", [])] if t not in proposed]
    rows += [["–", inline(title), "–", _what_became_of(state, title)] for title in others]
    said = f"{amount(tally['ballots'], 'ballot')} counted by the rule “{rule_name(tally['rule'])}”"
    if tally["abstained"]:
        said += f", {amount(tally['abstained'], 'abstention')}"
    if tally["tie_broken_by"]:
        who = "the moderator" if tally["tie_broken_by"] == "moderator" else "lot"
        said += f"; a tie was broken by {who}"
    shown = table(["Place", "Topic", "Score", "What became of it"], rows)
    return [*parts, f"{said}.", shown, *other_rules(tally)]


def _score(scores: Mapping[str, float], title: str) -> str:
    return f"{scores[title]:g}" if title in scores else "–"


def _what_became_of(state: State, title: str) -> str:
    """Whether a topic was discussed, and who put it on the agenda or took it off, if not the ballot."""
    is_open = title in state.get("agenda", [])
    if title not in taken_up(state) and not is_open:
        if title in state.get("proposed_agenda", []) and (waits := pending(state)):
            return waits
        dropped = [n["text"] for n in state.get("notices", []) if n["kind"] == "dropped"]
        by = "the participants" if any(f"“{title}”" in text for text in dropped) else "the user"
        return f"taken off by {by}"
    became = "discussed" if not is_open else "left undiscussed"
    if is_open and not _is_complete(state):
        became = "still to come"
    if title in state.get("proposed_agenda", []):
        return became
    voted_on = {
        t for v in state.get("vote_history", []) if v["kind"] == "agenda" for t in v["choice"]
    }
    return f"{became}; {'from an earlier ballot' if title in voted_on else 'added by the user'}"


def _panel(state: State) -> list[str]:
    gone = absent(state)
    spoke = [m["agent"] for m in state.get("messages", [])]
    rows = []
    for agent in state.get("agents", []):
        voice = agent["role"] == "participant"
        role = "Participant" if voice else MODERATED[agent["role"]]
        rows.append(
            [
                inline(agent["name"]),
                f"{role}, **{gone[agent['id']]}**" if agent["id"] in gone else role,
                inline(f"{agent['provider']}/{agent['model']}"),
                str(spoke.count(agent["id"])) if voice else "–",
                short(agent["persona"] or "–", LONGEST_PERSONA),
            ]
        )
    if "user" in spoke:
        rows.append(["You", "User", "–", str(spoke.count("user")), "–"])
    return [
        "## The panel",
        table(["Name", "Role", "Model", "Spoke", "Persona"], rows),
    ]


def _in_detail(state: State) -> list[str]:
    """The notices that the first lines count, topic by topic."""
    topics = dict.fromkeys(n["topic"] for n in state.get("notices", []) if n["kind"] != "warning")
    parts = ["## What happened on the way"] if topics else []
    for topic in topics:
        about = f"On “{inline(topic)}”:" if topic else "On the session as a whole:"
        notices = [n for n in notices_on(state, topic) if n["kind"] != "warning"]
        parts += [about, *notice_lines(notices)]
    return parts


def _cost(state: State) -> list[str]:
    usage: dict[str, Usage] = state.get("usage", {})
    rows = [
        [
            inline(model),
            f"{used['calls']:,}",
            f"{used['failed']:,}",
            f"{used['repaired']:,}",
            tokens_in(used),
            f"{used['output_tokens']:,}",
            money(used["cost"]),
        ]
        for model, used in sorted(usage.items())
    ]
    header = ["Model", "Calls", "Failed", "Asked again", "Tokens in", "Tokens out", "Cost"]
    return [
        "## Calls and cost",
        f"{amount(spent(usage)['calls'], 'call')} to {amount(len(usage), 'model')}; cost: {cost_words(usage)}.",
        inline(paid_before(state)),
        table(header, rows) if rows else "",
    ]


def _files(state: State) -> list[str]:
    lines = [
        "- [Transcript](transcript.md): what was said and voted, in order, and what the user decided; "
        "the proposals made before a ballot on the agenda are not kept"
    ]
    if _is_complete(state):
        lines.append("- [The report to look at](report.html): all of it on one page, with plots")
        lines.append("- [Session data](session.json): the same and more, for programs")
    documents = state.get("context_documents", [])
    parts = ["## Files", "\n".join(lines)]
    if documents:
        read = ", ".join(f"{inline(d['name'])} (about {d['tokens']:,} tokens)" for d in documents)
        parts.append(f"The participants were given to read: {read}.")
    return parts

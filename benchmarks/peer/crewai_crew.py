"""crewAI: three agents write positions at once, answer them at once, and one of them concludes; checkpoints after every task."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

DEPTH = 4
WHY = "positions, their summary, answers, the conclusion; tasks with `async_execution` run at once, and must have one between them that does not"
RESUMES = "`kickoff(from_checkpoint=…)` with the latest checkpoint of `CheckpointConfig`, which is written after every task"


def load() -> Callable[[Path], None]:
    """The deliberation."""
    from crewai import LLM, Agent, CheckpointConfig, Crew, Task

    def crew(checkpoints: CheckpointConfig) -> Crew:
        model = LLM(model="openai/gpt-4o")
        agents = [
            Agent(role=name, goal="Find out.", backstory="A citizen.", llm=model)
            for name in ("Ada", "Ben", "Cleo")
        ]
        positions = [
            Task(
                description=f"Position {n}",
                expected_output="A position.",
                agent=agent,
                async_execution=True,
            )
            for n, agent in enumerate(agents)
        ]
        heard = Task(
            description="Sum up", expected_output="A list.", agent=agents[0], context=positions
        )
        answers = [
            Task(
                description=f"Answer {n}",
                expected_output="An answer.",
                agent=agent,
                context=[heard],
                async_execution=True,
            )
            for n, agent in enumerate(agents)
        ]
        last = Task(
            description="Conclude", expected_output="One.", agent=agents[0], context=answers
        )
        return Crew(
            agents=agents, tasks=[*positions, heard, *answers, last], checkpoint=checkpoints
        )

    def hold(folder: Path) -> None:
        place = folder / "checkpoints"
        kept = sorted(place.rglob("*.json"), key=lambda path: path.stat().st_mtime)
        checkpoints = CheckpointConfig(location=str(place))
        if kept:
            latest = checkpoints.model_copy(update={"restore_from": str(kept[-1])})
            crew(checkpoints).kickoff(from_checkpoint=latest)
        else:
            crew(checkpoints).kickoff()

    return hold

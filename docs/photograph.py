"""The picture of the HTML report for the documentation, taken in a browser: `python -m docs.photograph`.

A scripted session's report twice: the first screen by day, and plots of a topic on a telephone by night.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from virtual_agora import hitl
from virtual_agora.config.defaults import offline_panel
from virtual_agora.config.models import SessionConfig
from virtual_agora.execution.session import Agora

PICTURE = Path(__file__).parent / "pictures" / "report.png"
WIDTH, HEIGHT = 1560, 900
PLACES = (
    ("", 1190, HEIGHT, "left: 0"),
    ("#topic-1-positions", 370, HEIGHT, "right: 0; color-scheme: dark"),
)


def main() -> None:
    """Hold a session, and take the picture of its report."""
    os.environ["VIRTUAL_AGORA_OFFLINE_LATENCY"] = "0.02"
    with TemporaryDirectory() as name:
        folder = Path(name)
        rules = SessionConfig(seed=7, control=True)
        with Agora(folder) as agora:
            session = agora.create(
                offline_panel().model_copy(update={"session": rules}),
                theme="Should a city of 200,000 make its public transport free?",
                reports_dir=folder,
                session_id="free-transport",
            )
            reports = agora.run_leg(session, hitl.default_answer).reports
        photograph(reports / "report.html", folder)


def photograph(report: Path, folder: Path) -> None:
    """The report, on a wide screen by day and on a telephone by night."""
    frames = "".join(
        f'<iframe src="{report.as_uri()}{anchor}" style="position: absolute; top: 0; border: 0; '
        f'width: {width}px; height: {height}px; {style}"></iframe>'
        for anchor, width, height, style in PLACES
    )
    page = folder / "picture.html"
    page.write_text(f'<!doctype html><body style="margin: 0">{frames}', encoding="utf-8")
    browser = next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
    )
    if browser is None:
        raise SystemExit("There is no browser; install Chromium.")
    subprocess.run(
        [
            browser,
            *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars"),
            "--force-prefers-reduced-motion",
            *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
            f"--user-data-dir={folder / 'browser'}",
            f"--window-size={WIDTH},{HEIGHT}",
            f"--screenshot={PICTURE}",
            page.as_uri(),
        ],
        check=True,
        capture_output=True,
    )


if __name__ == "__main__":
    main()

"""A real browser, Chromium without a window: what a page comes to in it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)
LONGEST = 60
"""Seconds that a page may take."""


def dom(page: Path, folder: Path) -> str:
    """The page's document as it is some time after loading, by the browser's own clock."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    assert found, f"No browser: install one of {', '.join(NAMES)} (apt install chromium)."
    command = [
        found,
        *FLAGS,
        f"--user-data-dir={folder / 'browser'}",
        "--window-size=1400,1000",
        "--virtual-time-budget=5000",
        "--dump-dom",
        page.as_uri(),
    ]
    # Its own home: whatever a browser leaves there goes with the test.
    ran = subprocess.run(
        command,
        env={**os.environ, "HOME": str(folder)},
        capture_output=True,
        timeout=LONGEST,
        check=True,
    )
    return ran.stdout.decode()

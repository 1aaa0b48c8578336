"""What a saved session consists of is pinned, key by key, to the version of the format.

Run by itself, `python -m tests.state.test_saved_keys` writes down the keys as they are.
"""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import TypeAdapter

from virtual_agora.config.models import Config
from virtual_agora.state.schema import SCHEMA_VERSION, VirtualAgoraState

SAVED = Path(__file__).with_name("saved_keys.json")
RAISE = """A saved session has other keys than {file} lists: {keys}.
Earlier releases do not know them. If a release has saved sessions of version {version}, raise SCHEMA_VERSION in state/schema.py.
Then: python -m tests.state.test_saved_keys. Sessions of earlier versions must still be gone on with, see CONTRIBUTING.md."""


def saved_keys():
    """The keys of the state, of the configuration in it, and of what they are made of: `Message.speaker`."""
    keys = []
    for part in (VirtualAgoraState, Config):
        schema = TypeAdapter(part).json_schema()
        for name, made_of in {part.__name__: schema, **schema["$defs"]}.items():
            keys += [f"{name}.{key}" for key in made_of.get("properties", ())]
    return sorted(keys)


def test_other_keys_are_another_version():
    pinned = json.loads(SAVED.read_text())
    changed = set(saved_keys()) ^ set(pinned["keys"])
    told = RAISE.format(file=SAVED.name, keys=", ".join(sorted(changed)), version=pinned["version"])
    assert not changed, told
    assert pinned["version"] == SCHEMA_VERSION, f"{SAVED.name} is not of this version."


if __name__ == "__main__":
    pinned = {"version": SCHEMA_VERSION, "keys": saved_keys()}
    SAVED.write_text(json.dumps(pinned, indent=1) + "\n")

"""The peers that `benchmarks.peers` measures: a driver for each, which holds a deliberation of three agents through its public interface.

A driver is a module that needs nothing but the standard library until it is asked to `load`:

- `DEPTH`: the calls that must follow one another in this deliberation, as the peer's documentation has it, and `WHY`.
- `RESUMES`: how a deliberation is gone on with that died, as the documentation has it; empty if there is no way.
- `load()`: imports what is needed, and returns `hold`.
- `hold(folder)`: holds the deliberation, or goes on with that in the folder. The server's address is in `OPENAI_BASE_URL`.

`benchmarks.peer.run` runs one in a process of its own, and in the environment of its own that `benchmarks.peer.environments` makes.
"""

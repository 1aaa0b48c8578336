"""The session's state: its shape, its projection in the process, its checks, and where it is kept."""

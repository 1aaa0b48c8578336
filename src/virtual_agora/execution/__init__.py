"""Running sessions: the coordinator that drives the stream, and the sessions of a data folder."""

"""The protocol as a graph: its steps, the ways between them, and the flow that runs it."""

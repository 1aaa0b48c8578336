"""What can be said in numbers of a deliberation: computed from a session's state alone, and plain data."""

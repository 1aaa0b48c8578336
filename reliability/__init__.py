"""Runs that prove what is promised: killed processes, failing vendors, long sessions, many sessions."""

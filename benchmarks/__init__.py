"""Figures of the application, by one command: `make figures`."""

"""Ballots, rules and tallies, as plain functions."""

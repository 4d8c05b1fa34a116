"""Tests: unit, server, architecture, and what they share in `tests.support`."""

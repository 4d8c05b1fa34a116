"""Secrets: how passwords are kept, tokens signed, and one-use secrets made."""

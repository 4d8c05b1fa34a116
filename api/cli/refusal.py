"""Why a command did not start: one line for the person at the keyboard."""


class Refusal(Exception):
    """The command cannot be run; its text names what is wrong, on one line."""

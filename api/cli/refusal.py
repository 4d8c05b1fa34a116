"""Why a command did not start: one line for the person at the keyboard."""


class Refusal(Exception):  # noqa: N818 - not our error: a reason to be told
    """The command cannot be run; its text names what is wrong, on one line."""

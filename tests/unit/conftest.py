"""What holds for every test inside the process."""

import pytest
import structlog


@pytest.fixture(autouse=True)
def plain_log_lines() -> None:
    """Write log lines as JSON, as a server does: structlog's default draws tracebacks, a second of work for each."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(default=repr),
        ]
    )

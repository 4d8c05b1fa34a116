"""Where the `CHAT_` variables of this process stand: in its environment, or in a file beside it."""

import os
from pathlib import Path
from typing import Final

import dotenv

PREFIX: Final = "CHAT_"
ENV_FILE: Final = Path(".env")
ENVIRONMENT: Final = "environment"


def variables(env_file: Path | None = ENV_FILE) -> dict[str, str]:
    """Name each `CHAT_` variable as it is spelt, with its place: `environment`, which wins, or the file's path.

    Raises:
        OSError: the file cannot be read.
        UnicodeDecodeError: it is no UTF-8.
    """
    found = dict.fromkeys(os.environ, ENVIRONMENT)
    if env_file is not None and env_file.is_file():
        found = dict.fromkeys(dotenv.dotenv_values(env_file, encoding="utf-8"), str(env_file)) | found
    return {name: place for name, place in found.items() if name.upper().startswith(PREFIX)}

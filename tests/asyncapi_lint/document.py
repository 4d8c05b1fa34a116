"""Print /asyncapi.json as a server with default settings answers it, for `make asyncapi-lint`."""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[2])]

from api.protocol.codec import encode  # noqa: E402 - a script finds the packages beside its own folder only
from api.ws.asyncapi.document import describe  # noqa: E402
from config.settings import Settings  # noqa: E402
from tests.support.judge import limits_of  # noqa: E402

sys.stdout.buffer.write(encode(describe(limits_of(Settings.load(None)))))

"""`python -m api` is the command `chat`."""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - a plain checkout can be run by any Python
    sys.stderr.write("chat: Python 3.11 or newer is needed, this is {}.{}\n".format(*sys.version_info[:2]))
    sys.exit(2)

from api.cli import main

if __name__ == "__main__":
    main()

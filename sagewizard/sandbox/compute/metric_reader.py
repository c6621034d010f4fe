"""The process that tries a person's metric definitions on log lines: `python -I -S metric_reader.py`.

First a JSON list of regular expressions, then requests `{"line": text, "which": [numbers]}`, one a line; the
answer is `{number: text of the first group}`. A line that takes more than a second of computing ends the
process: matching cannot be interrupted in any other way. It ends by itself when its input does.
"""

from __future__ import annotations

import json
import re
import signal
import sys

SECONDS = 1.0


def main() -> None:
    """Answer until the input ends."""
    signal.signal(signal.SIGVTALRM, signal.SIG_DFL)
    requests = sys.stdin.buffer
    patterns = [re.compile(text) for text in json.loads(requests.readline())]
    for text in requests:
        request = json.loads(text)
        signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
        found = {}
        for number in request["which"]:
            match = patterns[number].search(request["line"])
            if match is not None and match.re.groups and match.group(1) is not None:
                found[number] = match.group(1)
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        sys.stdout.write(json.dumps(found) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()

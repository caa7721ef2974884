"""Record version and digest of every packaged scenario: `python -m tests.envs.record_frozen`."""

import json
import sys

from tests.envs.frozen import PATH, present, problems, read


def main() -> int:
    """Write the file; refuse, and return 1, where a scenario needs another version."""
    now = present()
    old = [
        line for line in problems(read() if PATH.is_file() else {}, now) if "plays other" in line
    ]
    if old:
        print(*old, "raise `version` in its file first", sep="\n", file=sys.stderr)
        return 1
    PATH.write_text(json.dumps(now, indent=1) + "\n", encoding="utf-8")
    print(PATH)
    return 0


if __name__ == "__main__":
    sys.exit(main())

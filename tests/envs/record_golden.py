"""Record the golden engagements anew: `python -m tests.envs.record_golden`, then read the diff.

Whatever changes what happens in a raid must raise the `version` of its scenario, in
conf/scenario/<name>.yaml: the recording is refused otherwise. `--same-behaviour` is for a change
of the text alone.
"""

import sys

from agents.progress import tracked
from tests.envs.golden import FOLDER, RAIDS, path, recorded, write


def main() -> None:
    """Write every golden raid, and remove those that are no longer played."""
    FOLDER.mkdir(exist_ok=True)
    texts = {path(*raid): write(*raid) for raid in tracked("playing", RAIDS)}
    if "--same-behaviour" not in sys.argv[1:]:
        for file, text in texts.items():
            check_version(file.read_text(encoding="utf-8") if file.is_file() else None, text)
    for old in recorded():
        old.unlink()
    for file, text in texts.items():
        file.write_text(text, encoding="utf-8")
        print(file)


def check_version(old: str | None, new: str) -> None:
    """Leave with an error if a raid goes otherwise under the same version of its scenario."""
    if old is None or old == new or old.splitlines()[0] != new.splitlines()[0]:
        return
    sys.exit(f"error: behaviour has changed, but not the version: {new.splitlines()[0]}")


if __name__ == "__main__":
    main()

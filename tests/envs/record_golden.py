"""Record the golden engagements anew: `python -m tests.envs.record_golden`, then read the diff."""

from tests.envs.golden import FOLDER, RAIDS, path, recorded, write


def main() -> None:
    """Write every golden raid, and remove those that are no longer played."""
    FOLDER.mkdir(exist_ok=True)
    for old in recorded():
        old.unlink()
    for scenario, seed in RAIDS:
        path(scenario, seed).write_text(write(scenario, seed), encoding="utf-8")
        print(path(scenario, seed))


if __name__ == "__main__":
    main()

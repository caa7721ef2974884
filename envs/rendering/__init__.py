"""Pictures for people: the map of a scenario, frames of a raid under way, replays."""

import os

# pygame-ce greets whoever imports it; a command's output is its own.
os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")

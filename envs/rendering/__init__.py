"""Pictures for people: the map of a scenario."""

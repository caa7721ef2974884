"""Everything that decides: classical and learned policies, and how they are scored."""

"""The static weapon-target assignment problem and its solvers."""

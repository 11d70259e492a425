"""Population parameters from published trials, with their uncertainty, and trials that were never fitted."""

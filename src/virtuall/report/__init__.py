"""Reports: figures and pages of results, for people to read."""

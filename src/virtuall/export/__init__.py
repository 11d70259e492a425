"""What leaves VirtuALL: models and results in the formats of other tools."""

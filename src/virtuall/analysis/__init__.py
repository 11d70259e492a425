"""What is asked of simulated patients beyond one trial: exposure and response, predictive checks, searches."""

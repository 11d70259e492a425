"""Trials: accrual, endpoints, survival, replicates, and simulated beside published."""

"""Equations to fast kernels: graph, System, kernel. No medicine."""

"""Where the kernel meets the clinic: protocols, rounds, results."""

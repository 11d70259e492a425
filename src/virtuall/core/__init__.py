"""Words that every part shares: errors, positions, keyed draws, arithmetic. No medicine."""

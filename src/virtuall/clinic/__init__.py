"""Rules of the clinic as pure functions over arrays of patients: conditions, what fires, what is settled."""

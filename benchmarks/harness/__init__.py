"""The machine: every side effect of the suite lives here."""

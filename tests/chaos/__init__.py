"""Kill everything at random while jobs run, and let an independent judge look at it."""

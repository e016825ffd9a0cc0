"""SQLite: how a file is opened, written in turns, and watched."""

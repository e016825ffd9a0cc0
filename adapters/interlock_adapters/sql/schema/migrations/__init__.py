"""Migrations, run by Alembic out of the installed package."""

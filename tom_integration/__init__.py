"""The Django app that connects sharecore to a TOM. Add it to `INSTALLED_APPS`, then migrate."""

"""Connect sharecore to a TOM as a Django app. Add it to `INSTALLED_APPS`, then migrate."""

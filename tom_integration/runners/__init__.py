"""Runners wake the reconciler. The ledger decides what is done, so a lost or doubled wake-up is harmless."""

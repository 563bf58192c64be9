"""Lease outboxes, bring them up to date and release them; keep the health of destinations; scan."""

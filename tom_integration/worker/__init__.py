"""Sending: an outbox is claimed, brought up to date and released; the health of destinations, the scan."""

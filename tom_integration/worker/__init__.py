"""Sending: an outbox is leased, brought up to date and released; the health of destinations, the scan."""

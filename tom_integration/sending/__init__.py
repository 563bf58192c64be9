"""Sending: a channel is claimed, brought up to date and released; the health of destinations, the sweep."""

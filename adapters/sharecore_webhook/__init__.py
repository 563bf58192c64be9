"""Send each new datum as a signed message (Standard Webhooks 1.0.0)."""

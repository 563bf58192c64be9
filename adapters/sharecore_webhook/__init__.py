"""Send each new datum as a signed message (Standard Webhooks 1.0.0), or as a text to a Slack channel."""

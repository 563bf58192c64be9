"""Receive batches from other sites with sharecore, at `api/sharing/` (docs/reference/batch-protocol.md)."""

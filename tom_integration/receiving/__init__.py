"""What other sites with sharecore send here: batches, at `api/sharing/`; see docs/reference/batch-protocol.md."""

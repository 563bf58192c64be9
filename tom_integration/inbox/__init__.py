"""What other sites with sharecore send here: batches, at `api/sharing/`; docs/reference/batch-protocol.md."""

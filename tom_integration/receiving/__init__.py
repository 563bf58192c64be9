"""What other sites with sharecore send here: whole batches, at `api/sharing/`; see docs/batch-protocol.md."""

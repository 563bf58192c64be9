"""What is promised: the ledger, the difference to the data, and what an edit or a move means for it."""

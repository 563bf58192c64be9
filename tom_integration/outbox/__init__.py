"""Keep the ledger of deliveries: find the backlog, detect changes, and follow data and shares that move."""

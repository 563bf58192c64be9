"""From rows of the TOM to records and targets."""

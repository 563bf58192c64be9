"""Convert rows of the TOM to records and targets, and back."""

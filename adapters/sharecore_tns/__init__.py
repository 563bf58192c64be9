"""Report transients to the Transient Name Server (TNS): AT reports and classifications."""

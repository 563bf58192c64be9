"""sharecore: share astronomical data with other systems through pluggable destination adapters."""

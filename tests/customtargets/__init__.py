"""A TOM with a target model of its own."""

"""What a person or a program does to a share."""

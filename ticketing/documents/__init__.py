"""A ticket to bytes: the same input gives the same bytes."""

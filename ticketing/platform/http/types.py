"""Types of the HTTP layer."""

"""The outside: each foreign format or vendor's words translated once."""

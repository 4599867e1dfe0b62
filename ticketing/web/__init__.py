"""The HTTP door: requests in, actions called, answers out. No rule of the box office is here."""

"""Error replies of RouterOS, in its own words."""

MISSING, ARGUMENT, INTERRUPTED = 0, 1, 2  # categories of traps

NOT_LOGGED_IN = "not logged in"
TERMINATED = "session terminated on request"
BAD_LOGIN = "invalid user name or password (6)"
BAD_CHALLENGE = "cannot log in"
NOT_PERMITTED = "not enough permissions (9)"
DUPLICATE_USER = "failure: already have user with this name for this server"
DUPLICATE = "failure: already have such entry"
BAD_HOTSPOT_LOGIN = "invalid username or password"


class Trap(Exception):
    """Reply to a failed command."""

    def __init__(self, message: str, category: int | None = None) -> None:
        """Store the message and the category, if RouterOS sends one."""
        super().__init__(message)
        self.message = message
        self.category = category


class Fatal(Exception):
    """Error that ends the connection; the reason is sent as a bare word."""


def no_such_item() -> Trap:
    """Return the error for an id that is not in the table."""
    return Trap("no such item", MISSING)


def no_such_command(*, prefix: bool) -> Trap:
    """Return the error for an unknown menu or verb."""
    return Trap("no such command prefix" if prefix else "no such command", MISSING)


def no_match(name: str) -> Trap:
    """Return the error for a reference to an unknown name."""
    return Trap(f"input does not match any value of {name}", ARGUMENT)


def ambiguous(name: str) -> Trap:
    """Return the error for an ambiguous prefix."""
    return Trap(f"ambiguous value of {name}, more than one possible value matches input", ARGUMENT)

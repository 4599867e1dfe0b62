"""How RouterOS says no, in its own words."""

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
    """An answer that a command failed."""

    def __init__(self, message: str, category: int | None = None) -> None:
        """Take the sentence, and the category if RouterOS gives one."""
        super().__init__(message)
        self.message = message
        self.category = category


class Fatal(Exception):
    """An answer that ends the connection; its reason is a bare word on the wire."""


def no_such_item() -> Trap:
    """For an id that is not in the table."""
    return Trap("no such item", MISSING)


def no_such_command(*, prefix: bool) -> Trap:
    """For a menu that is not there, or a verb it does not have."""
    return Trap("no such command prefix" if prefix else "no such command", MISSING)


def no_match(name: str) -> Trap:
    """For a reference to what does not exist."""
    return Trap(f"input does not match any value of {name}", ARGUMENT)


def ambiguous(name: str) -> Trap:
    """For a reference by a prefix that several have."""
    return Trap(f"ambiguous value of {name}, more than one possible value matches input", ARGUMENT)

"""Who answers for the assets."""

OWNERS = ["team:box-office"]

"""First and last name of a person whose roster or order has one name only."""


def split_full_name(full_name: str) -> tuple[str, str]:
    """Return first and last name: the last word is the last name, a single word the first name.

    What follows a comma, such as an academic title, belongs to neither. The rule is a guess: many
    people have one name, or the family name first; `fullName` is what is printed.
    """
    name = full_name.partition(",")[0].strip() or full_name
    first, _, last = name.rpartition(" ")
    return (first.strip(), last) if first else (last, "")


def first_and_last_name(first: str, last: str, full_name: str) -> tuple[str, str]:
    """Return the names as stored, or those of the full name if neither is."""
    return (first, last) if first or last else split_full_name(full_name)

"""Test cards of Midtrans' sandbox; the card number determines the outcome."""

# Midtrans, "Testing Payment on Sandbox"
OUTCOMES = {
    "4811111111111114": "pay",
    "4911111111111113": "decline",
    "4511111111111117": "challenge",
    "4611111111111116": "decline",
}


def token_for(number: str, drawn: str) -> str:
    """Return the token of a card, which replaces its number at the merchant."""
    return f"{number[:8]}-{number[-4:]}-{drawn}"


def outcome_of(token: object) -> str | None:
    """Return the outcome for a card token; None for an unknown token."""
    for number, outcome in OUTCOMES.items():
        if str(token).startswith(f"{number[:8]}-{number[-4:]}-"):
            return outcome
    return None

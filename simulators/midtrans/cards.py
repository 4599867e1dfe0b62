"""The sandbox's cards: a number becomes a token, and the number decides what the bank says."""

# Midtrans, "Testing Payment on Sandbox"
OUTCOMES = {
    "4811111111111114": "pay",
    "4911111111111113": "decline",
    "4511111111111117": "challenge",
    "4611111111111116": "decline",
}


def token_for(number: str, drawn: str) -> str:
    """What a browser gets for a card, instead of showing the card to the merchant."""
    return f"{number[:8]}-{number[-4:]}-{drawn}"


def outcome_of(token: object) -> str | None:
    """What becomes of a payment with a card's token; None if no card has that token."""
    for number, outcome in OUTCOMES.items():
        if str(token).startswith(f"{number[:8]}-{number[-4:]}-"):
            return outcome
    return None

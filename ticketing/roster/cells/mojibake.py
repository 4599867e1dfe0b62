"""Recognise text that was UTF-8 and has been decoded as cp1252, once or twice: `Ã©` for `é`."""

import re

_NOT_ASCII_RUN = re.compile(r"[^\x00-\x7f]{2,}")


def undo_mojibake(text: str) -> str:
    """Return the text as it was before wrong decodings, or the same text if there were none."""
    return _NOT_ASCII_RUN.sub(_decoded_again, text)


def _decoded_again(run: re.Match[str]) -> str:
    text = run[0]
    while True:
        try:
            decoded = text.encode("cp1252").decode("utf-8")
        except UnicodeError:
            return text
        if len(decoded) == len(text):
            return text
        text = decoded

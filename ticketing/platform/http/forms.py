"""Read HTML forms."""

from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import Depends, Request

from ticketing.platform.http.errors import BodyTooLarge

MAX_FORM_BYTES, MAX_FORM_FIELDS = 128 * 1024, 1000  # names and answers of up to 50 guests


async def read_form(request: Request) -> dict[str, str]:
    """Return the form's fields, each once; empty if the body is not a form."""
    body = await request.body()
    if len(body) > MAX_FORM_BYTES:
        raise BodyTooLarge(f"a form has at most {MAX_FORM_BYTES} bytes")
    text = body.decode("utf-8", "replace")
    try:
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_FORM_FIELDS))
    except ValueError:
        return {}


FormFields = Annotated[dict[str, str], Depends(read_form)]

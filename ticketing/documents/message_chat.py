"""A WhatsApp text as Meta wants it approved: words, and variables numbered in their order."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from jinja2 import Environment, nodes

_LONGEST = 1024  # characters, Meta's limit for a template's text
_PLACE = re.compile(r"\{\{(\d+)\}\}")


@dataclass(frozen=True, slots=True)
class ChatText:
    """The text with `{{1}}`, `{{2}}`, …, and the names of what stands there."""

    body: str
    variables: tuple[str, ...]

    def parameters(self, texts: Mapping[str, str]) -> tuple[str, ...]:
        """What fills the places; Meta refuses an empty one."""
        return tuple(texts[name] or "-" for name in self.variables)

    def filled(self, parameters: tuple[str, ...]) -> str:
        """As it is read."""
        return _PLACE.sub(lambda place: parameters[int(place[1]) - 1], self.body)


def chat_text(environment: Environment, source: str) -> ChatText:
    """Read a template; ValueError for anything that could not be approved."""
    names: list[str] = []
    parts: list[nodes.Node] = []
    for node in environment.parse(source.strip()).body:
        parts += node.nodes if isinstance(node, nodes.Output) else [node]
    body = "".join(_part(part, names) for part in parts)
    if len(body) > _LONGEST:
        raise ValueError(f"{len(body)} characters; at most {_LONGEST} can be approved")
    if body.startswith("{{") or body.endswith("}}"):
        raise ValueError("words must stand before the first variable and after the last")
    return ChatText(body, tuple(names))


def _part(part: nodes.Node, names: list[str]) -> str:
    match part:
        case nodes.TemplateData():
            return part.data
        case nodes.Name():
            if part.name not in names:
                names.append(part.name)
            return f"{{{{{names.index(part.name) + 1}}}}}"
    raise ValueError(f"line {part.lineno}: only words and plain variables can be approved")

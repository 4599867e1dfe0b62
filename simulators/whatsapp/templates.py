"""Approved message templates, one language each, with placeholders."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from simulators.http import Json
from simulators.whatsapp.graph import GraphRefusal

_PLACEHOLDER = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_NAME = re.compile(r"[a-z0-9_]{1,512}")


@dataclass(frozen=True, slots=True)
class SimulatedTemplate:
    """Approved template; `header` is the header's type."""

    name: str
    language: str
    body: str
    header: str = ""
    has_button: bool = False

    @property
    def parameter_count(self) -> int:
        """Return the number of parameters of the text."""
        return len(set(_PLACEHOLDER.findall(self.body)))


@dataclass(frozen=True, slots=True)
class FilledTemplate:
    """Template with the parameters of one message."""

    name: str
    language: str
    parameters: tuple[str, ...]
    header: Mapping[str, object]  # the parameter of the header; empty without one
    has_button: bool

    @property
    def header_kind(self) -> str:
        """Return the type of the given header."""
        return str(self.header.get("type", "")).lower()


class TemplateRegistry:
    """Approved templates. While it is empty, every name counts as approved."""

    def __init__(self) -> None:
        self._approved: dict[tuple[str, str], SimulatedTemplate] = {}
        self.paused: set[str] = set()
        self.disabled: set[str] = set()

    def approve(self, request: Json) -> SimulatedTemplate:
        """Create a template from a request and approve it."""
        name, language = str(request.get("name")), str(request.get("language"))
        components = {
            str(each.get("type")).upper(): each for each in dicts(request.get("components"))
        }
        body = str(components.get("BODY", {}).get("text", ""))
        if not _NAME.fullmatch(name) or not body:
            raise GraphRefusal(100, "A template needs a name of a-z, 0-9 and _, and a body")
        places = {str(number + 1) for number in range(len(set(_PLACEHOLDER.findall(body))))}
        if (
            places != set(_PLACEHOLDER.findall(body))
            or _PLACEHOLDER.match(body)
            or body.endswith("}}")
        ):
            raise GraphRefusal(100, "Variables are {{1}}, {{2}}, …, with text before and after")
        header = str(components.get("HEADER", {}).get("format", "")).lower()
        button = "{{1}}" in str(components.get("BUTTONS", {}))
        approved = SimulatedTemplate(name, language, body, header, button)
        self._approved[name, language] = approved
        return approved

    def render(self, filled: FilledTemplate) -> str:
        """Return the text for the recipient; raise GraphRefusal if parameters do not fit."""
        if filled.name in self.paused:
            raise GraphRefusal(132015, f"{filled.name} is paused due to low quality")
        if filled.name in self.disabled:
            raise GraphRefusal(132016, f"{filled.name} is disabled due to low quality")
        if any(re.search(r"[\n\t]| {5}", text) for text in filled.parameters):
            details = (
                "Param text cannot have new-line/tab characters or more than 4 spaces in a row"
            )
            raise GraphRefusal(132012, details)
        approved = self._approved.get((filled.name, filled.language))
        if approved is None:
            if self._approved:
                raise GraphRefusal(132001, f"{filled.name} does not exist in {filled.language}")
            return " | ".join((f"[{filled.name}/{filled.language}]", *filled.parameters))
        if approved.parameter_count != len(filled.parameters):
            details = (
                f"body: {len(filled.parameters)} parameters,"
                f" {approved.parameter_count} are expected"
            )
            raise GraphRefusal(132000, details)
        if (approved.header, approved.has_button) != (filled.header_kind, filled.has_button):
            raise GraphRefusal(132012, "header or button is not as in the created template")
        return _PLACEHOLDER.sub(lambda place: filled.parameters[int(place[1]) - 1], approved.body)


def parse_template(request: Json) -> FilledTemplate:
    """Parse the template of a message."""
    language = request.get("language")
    if not isinstance(language, dict) or not language.get("code") or not request.get("name"):
        raise GraphRefusal(131008, "template: name and language.code are required")
    parameters: list[str] = []
    header: Mapping[str, object] = {}
    has_button = False
    for component in dicts(request.get("components")):
        given = dicts(component.get("parameters"))
        match str(component.get("type")).lower():
            case "body":
                parameters = [str(each.get("text", "")) for each in given]
            case "header" if given:
                header = given[0]
            case "button":
                has_button = True
            case other:
                raise GraphRefusal(131009, f"template: no component {other!r}")
    code = str(language["code"])
    return FilledTemplate(str(request["name"]), code, tuple(parameters), header, has_button)


def dicts(value: object) -> list[Json]:
    """Return the JSON objects in a list, or an empty list."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []

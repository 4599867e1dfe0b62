"""Ticket templates to HTML: Jinja in a sandbox, with `fit` for texts that must not overflow."""

import functools
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

from jinja2 import (
    BaseLoader,
    FileSystemLoader,
    StrictUndefined,
    TemplateError,
    TemplateSyntaxError,
    nodes,
)
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from ticketing.documents.fonts import face_widths, installed_fonts
from ticketing.documents.template_context import EXTRA_PREFIX, ExtraTexts
from ticketing.documents.templates import TEMPLATE_FILE, TicketTemplate
from ticketing.documents.text_fitting import TextBox, fit_font_size, line_height
from ticketing.platform.kernel.errors import TemplateBroken, TextDoesNotFit

ShrinkSteps = Mapping[str | None, int]  # by field
SHRINK_FACTOR = 0.94  # one step of font size, when the layout needs more space than estimated
_TEMPLATE_ERRORS = (
    TemplateError,
    TypeError,
    ValueError,
    ArithmeticError,
    LookupError,
    AttributeError,
)


class TicketHtmlTemplate:
    """A compiled page. `places` are the boxes of its `fit` calls so far, by field."""

    def __init__(self, template: TicketTemplate, loader: BaseLoader | None = None) -> None:
        """Compile the page. Raises TemplateBroken with file and line."""
        self._template = template
        self._environment = ImmutableSandboxedEnvironment(
            loader=loader or FileSystemLoader(template.folder),
            undefined=StrictUndefined,
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self.text_boxes: dict[str, TextBox] = {}
        try:
            self._page = self._environment.get_template(TEMPLATE_FILE)
        except _TEMPLATE_ERRORS as error:
            raise self._to_template_error(error) from error

    def render_html(
        self,
        variables: Mapping[str, object],
        shrink_steps: ShrinkSteps | None = None,
        *,
        plain_texts: Mapping[str, str] | None = None,
        boxes: dict[str, TextBox] | None = None,
    ) -> str:
        """Return the page for a ticket; `shrink_steps` counts steps of a smaller font, by field.

        `plain_texts` are fitted instead of the variables; the boxes of this page go into `boxes`.
        """
        texts = cast("Mapping[str, str]", variables) if plain_texts is None else plain_texts
        found: dict[str, TextBox] = {} if boxes is None else boxes
        fit = _Fitter(texts, shrink_steps or {}, found)
        try:
            return self._page.render(variables, fit=fit, extra=ExtraTexts(variables))
        except _TEMPLATE_ERRORS as error:
            raise self._to_template_error(error) from error
        finally:
            self.text_boxes.update(found)

    @property
    def prints_unescaped(self) -> bool:
        """Return whether a text of a ticket could be read as HTML."""
        parsed = (
            self._environment.parse(file.read_text(encoding="utf-8"))
            for file in self._template.folder.glob("*.j2")
        )
        return any(
            isinstance(node, nodes.ScopedEvalContextModifier)
            or (isinstance(node, nodes.Filter) and node.name == "safe")
            for page in parsed
            for node in page.find_all((nodes.ScopedEvalContextModifier, nodes.Filter))
        )

    def _to_template_error(self, error: Exception) -> TemplateBroken:
        file, line = _error_location(error, self._template.folder)
        location = f"{file}:{line}" if line else file
        kind = f"{type(error).__name__}: " if isinstance(error, LookupError) else ""
        return TemplateBroken(f"template {self._template.id!r}, {location}: {kind}{error}")


class _Fitter:
    """`{{ fit("fullName", width=…, height=…, largest=…) }}`: the attributes of a text box."""

    def __init__(
        self,
        texts: Mapping[str, str],
        shrink_steps: ShrinkSteps,
        boxes: dict[str, TextBox],
    ) -> None:
        self._texts, self._shrink_steps, self._boxes = texts, shrink_steps, boxes

    def __call__(
        self,
        field: str,
        *,
        width: float,
        height: float,
        largest: float,
        smallest: float = 7.0,
        leading: float = 1.2,
        face: str = "Noto Sans:bold",
    ) -> Markup:
        """Return HTML attributes; sizes are in mm and points, `face` is in fontconfig's syntax."""
        text = self._texts.get(field, "" if field.startswith(EXTRA_PREFIX) else None)
        if text is None:
            raise TypeError(f"fit() knows no field {field!r}")
        box = TextBox(field, width, height, largest, smallest, leading, face)
        self._boxes[field] = box
        font_style = fitted_style(text, box, self._shrink_steps.get(field, 0))
        return Markup(  # noqa: S704  # a checked name and numbers
            f'data-fit="{field}" style="width:{width:g}mm;height:{height:g}mm;{font_style};'
            'overflow-wrap:anywhere"'
        )


def fitted_style(text: str, box: TextBox, shrink_steps: int) -> str:
    """Return the CSS of the font with which a text fits its box. Raises TextDoesNotFit."""
    size = fit_font_size(text, box, em_widths(box.face))
    if size is None:
        raise TextDoesNotFit(overflow_message(box.field, text, box), field=box.field)
    return _font_style(size * SHRINK_FACTOR**shrink_steps, line_height(text, box.leading))


@functools.lru_cache(maxsize=1024)
def _font_style(size: float, leading: float) -> str:
    return f"font-size:{size:.2f}pt;line-height:{leading:g}"


@functools.cache
def em_widths(face: str) -> Callable[[str], float]:
    """Return a function for widths of characters, in that face, else in any font."""
    return _Widths(face).__getitem__


class _Widths(dict[str, float]):
    """Cache of widths; a dictionary, because every letter of a text is looked up."""

    def __init__(self, face: str) -> None:
        self._face, self._fonts = face_widths(face), installed_fonts()

    def __missing__(self, character: str) -> float:
        known = self._face.has(character)
        width = self._face.width_of(character) if known else self._fonts.width(character)
        self[character] = width
        return width


def overflow_message(field: str, text: str, box: TextBox) -> str:
    """Return the message about a text that does not fit."""
    return (
        f"{field} has {len(text)} characters and does not fit {box.width_mm:g} x "
        f"{box.height_mm:g} mm even at {box.smallest_pt:g} pt; shorten it"
    )


def _error_location(error: Exception, folder: Path) -> tuple[str, int | None]:
    """Return the template's file and line; Jinja rewrites tracebacks to contain them."""
    if isinstance(error, TemplateSyntaxError):
        return Path(error.filename or error.name or TEMPLATE_FILE).name, error.lineno
    frames = traceback.extract_tb(error.__traceback__)
    own_frames = [frame for frame in frames if Path(frame.filename).is_relative_to(folder)]
    if not own_frames:
        return TEMPLATE_FILE, None
    return Path(own_frames[-1].filename).name, own_frames[-1].lineno

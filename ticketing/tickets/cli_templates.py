"""`ticketing templates`: list, check, preview."""

from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ticketing.platform.cli.console import open_application
from ticketing.platform.cli.options import EventOption, JsonOption
from ticketing.platform.cli.output import print_json, print_list, print_text

if TYPE_CHECKING:
    from ticketing.documents.renderer import Renderer

app = typer.Typer(no_args_is_help=True)


@app.command("list")
def list_templates(*, as_json: JsonOption = False) -> None:
    """List ticket templates with the numbers that the HTTP API accepts."""
    from ticketing.documents.templates import TemplateFolders
    from ticketing.tickets import template_choice

    with open_application() as application:
        found = template_choice.list_templates(
            application.database, application.get(TemplateFolders)
        )
    columns = {
        "number": lambda template: str(template.number),
        "name": lambda template: template.name,
    }
    print_list(found, columns, as_json=as_json, empty="No templates.")


@app.command("check")
def check_templates(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Folder names of templates; all if omitted.", metavar="[NAME]..."),
    ] = None,
    *,
    pictures: Annotated[
        Path | None,
        typer.Option(help="Folder for a picture of each sample ticket.", file_okay=False),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Render a sample with ticket templates, and read its QR code and texts back.

    Also tells whether tickets are stamped, or rendered in full, which takes hundreds of times
    longer. Exit code 1 when a template cannot be used.
    """
    from ticketing.documents.renderer import Renderer
    from ticketing.documents.templates import TemplateFolders

    with open_application() as application:
        renderer = application.get(Renderer)
        known = names or application.get(TemplateFolders).ids()
        results = [_check(renderer, name) for name in known]
        if pictures is not None:
            for name in known:
                _write_picture(renderer, name, pictures)
    if as_json:
        print_json([asdict(result) for result in results])
    else:
        print_text(*map(_sentence, results))
    raise typer.Exit(1 if any(result.problem for result in results) else 0)


@app.command("preview")
def preview_template(
    slug: EventOption,
    name: Annotated[
        str | None, typer.Argument(help="Folder name of a template; the event's own if omitted.")
    ] = None,
    *,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="File to write: .png or .pdf.", dir_okay=False)
    ],
    person: Annotated[
        str | None,
        typer.Option(help="Guest: external id, e-mail, phone, code, id or part of the name."),
    ] = None,
    dpi: Annotated[int, typer.Option(min=30, max=600, help="Resolution of a PNG.")] = 150,
    as_json: JsonOption = False,
) -> None:
    """Write the ticket of a guest, or a sample, as it looks with a template.

    Its QR code is that of the sample: it admits nobody.
    """
    from ticketing.documents.renderer import Renderer
    from ticketing.events.cli_context import open_event
    from ticketing.platform.kernel.binary_file import write_complete_file
    from ticketing.tickets.printing.preview import preview_ticket

    if out.suffix.lower() not in {".png", ".pdf"}:
        raise typer.BadParameter(f"{out}: end it with .png or .pdf", param_hint="--out")
    with open_event(slug) as (application, event):
        preview = preview_ticket(
            application.database, application.get(Renderer), event,
            template_id=name, person=person,
        )  # fmt: skip
    is_picture = out.suffix.lower() == ".png"
    write_complete_file(out, [preview.picture(dpi) if is_picture else preview.pdf])
    if as_json:
        print_json({"file": str(out), "renderedInFull": preview.rendered_in_full})
    else:
        print_text(f"The ticket of {preview.full_name} is in {out}.")
        if preview.rendered_in_full is not None:
            print_text(f"Tickets are rendered in full: {preview.rendered_in_full}")


def _write_picture(renderer: "Renderer", name: str, folder: Path) -> None:
    """Write the sample ticket of a template; one that cannot be rendered has no picture."""
    from ticketing.documents.pdf_inspection import picture_of
    from ticketing.documents.template_context import SAMPLE_TICKET
    from ticketing.platform.kernel.binary_file import write_complete_file
    from ticketing.platform.kernel.errors import Refused

    with suppress(Refused):  # `_check` has told the reason
        picture = picture_of(renderer.render(SAMPLE_TICKET, name))
        write_complete_file(folder / f"{name}.png", [picture])


@dataclass(frozen=True, slots=True)
class _CheckedTemplate:
    """Why a template cannot be used, and why its tickets are not stamped; None if it is so."""

    template: str
    problem: str | None
    rendered_in_full: str | None = None


def _check(renderer: "Renderer", name: str) -> _CheckedTemplate:
    from ticketing.platform.kernel.errors import TemplateBroken

    try:
        return _CheckedTemplate(name, None, renderer.check_template(name).stamping_refusal)
    except TemplateBroken as error:
        return _CheckedTemplate(name, str(error))


def _sentence(result: _CheckedTemplate) -> str:
    if result.problem is not None:
        return result.problem
    if result.rendered_in_full is None:
        return f"{result.template}: can be used; tickets are stamped"
    return (
        f"{result.template}: can be used; every ticket is rendered in full, which takes hundreds"
        f" of times longer than stamping: {result.rendered_in_full}"
    )

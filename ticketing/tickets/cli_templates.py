"""`ticketing templates`: list, check."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from ticketing.platform.cli.console import open_application
from ticketing.platform.cli.options import JsonOption
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
    if as_json:
        print_json([asdict(result) for result in results])
    else:
        print_text(*map(_sentence, results))
    raise typer.Exit(1 if any(result.problem for result in results) else 0)


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

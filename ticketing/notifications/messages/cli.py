"""`ticketing message-templates`: list, preview, approval."""

from typing import TYPE_CHECKING, Annotated

import typer

from ticketing.platform.cli.console import get_loader
from ticketing.platform.cli.options import JsonOption
from ticketing.platform.cli.output import print_json, print_result, print_text, stdout_console

if TYPE_CHECKING:
    from ticketing.notifications.messages.templates import MessageTemplates

app = typer.Typer(no_args_is_help=True)

NameArgument = Annotated[
    str,
    typer.Argument(help="Name from `ticketing message-templates list`.", show_default=False),
]
LanguageOption = Annotated[str, typer.Option(help="id or en.")]


@app.command("list")
def list_templates(*, as_json: JsonOption = False) -> None:
    """List all message templates."""
    names = _load_templates().names()
    print_result(names, *names, as_json=as_json)


@app.command("preview")
def preview(
    name: NameArgument,
    *,
    language: LanguageOption = "id",
    html: Annotated[bool, typer.Option("--html", help="Print the mail as HTML.")] = False,
    question: Annotated[
        str,
        typer.Option(
            help="For organiser_question: what has to be decided, a review flag or to_transfer."
        ),
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """Show a message with sample data, as mail and as chat."""
    templates = _load_templates()
    message = templates.preview(
        _check_name(templates, name),
        _check_language(language),
        question=_check_question(templates, question, name),
    )
    files = [attachment.name for attachment in message.mail.attachments]
    if as_json:
        print_json(
            {
                "subject": message.mail.subject,
                "text": message.mail.text,
                "html": message.mail.html,
                "chat": message.chat.text,
                "attachments": files,
            }
        )
        return
    if html:
        typer.echo(message.mail.html)
        return
    out = stdout_console()
    out.print(f"[bold]mail[/]  {language}")
    print_text(f"{message.mail.subject}\n\n{message.mail.text}")
    out.print(f"\n[bold]chat[/]  {language}")
    print_text(message.chat.text)
    if files:
        out.print("\n[bold]attachments[/]")
        print_text(*files)


@app.command("approval")
def approval(
    name: NameArgument,
    *,
    language: LanguageOption = "id",
    as_json: JsonOption = False,  # noqa: ARG001 - the result is always JSON
) -> None:
    """Print what Meta has to approve, as JSON; set WEB_PUBLIC_URL first."""
    templates = _load_templates()
    print_json(templates.approval_request(_check_name(templates, name), _check_language(language)))


def _load_templates() -> "MessageTemplates":
    from ticketing.notifications.messages.templates import MessageTemplates

    settings = get_loader().settings()
    return MessageTemplates.linking_to(settings.public_base_url, settings.messages_path)


def _check_name(templates: "MessageTemplates", name: str) -> str:
    if name not in templates.names():
        raise typer.BadParameter(
            f"no message template {name!r}; to list them: ticketing message-templates list"
        )
    return name


def _check_question(templates: "MessageTemplates", question: str, name: str) -> str:
    if question and name != "organiser_question":
        raise typer.BadParameter(f"{name} asks no question", param_hint="--question")
    if question and question not in templates.questions():
        known = ", ".join(templates.questions())
        raise typer.BadParameter(f"{question!r} is not one of {known}", param_hint="--question")
    return question


def _check_language(language: str) -> str:
    from ticketing.platform.kernel.languages import LANGUAGES

    if language not in LANGUAGES:
        raise typer.BadParameter(
            f"{language!r} is not one of {', '.join(LANGUAGES)}", param_hint="--language"
        )
    return language

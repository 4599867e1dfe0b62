"""`ticketing orders`: the commands of all parts of selling, in one group."""

import typer

from ticketing.selling.box_office import cli as box_office
from ticketing.selling.checkout import cli as checkout
from ticketing.selling.contacts import cli as contacts
from ticketing.selling.rebuild import cli as rebuild
from ticketing.selling.review import cli as review

app = typer.Typer(no_args_is_help=True)
for part in (checkout, box_office, review, contacts, rebuild):
    app.add_typer(part.app)

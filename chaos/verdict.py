"""All reckonings together: what the report says in the end."""

from collections.abc import Iterator

from chaos import message_reckoning, reckoning, voucher_reckoning
from chaos.crowd import Crowd
from chaos.house import House
from chaos.leaks import leaks, log_files, run_log
from chaos.town import SOMEBODY_ELSES, Town
from chaos.voucher_reckoning import VoucherBooks
from ticketing.signing.keys import KeyRing


def reached(house: House, town: Town, crowd: Crowd) -> dict[str, object]:
    """The figures, and `offences`: everything that is not as it must be."""
    database, documents = house.application.database, house.application.settings.documents
    sold = reckoning.read(database, crowd.offer.events)
    payments = town.midtrans.bank.payments()
    made = voucher_reckoning.read(database, house.application.get(KeyRing).office_name)
    shelves = {name: router.users() for name, router in town.routers.items()}
    told, taken = message_reckoning.read(database), message_reckoning.accepted(town)
    offences = [
        *reckoning.offences(sold, payments, confirmed=crowd.confirmed, documents=documents),
        *voucher_reckoning.offences(made, shelves, SOMEBODY_ELSES),
        *message_reckoning.offences(told, taken),
        *leaks(_logs(house), _secrets(town, made)),
    ]
    return {
        **reckoning.summary(sold, payments),
        **voucher_reckoning.summary(made, shelves.values()),
        **message_reckoning.summary(told, taken),
        "offences": sorted(offences),
    }


def _logs(house: House) -> Iterator[tuple[str, bytes]]:
    for path in log_files(house.folder):
        yield str(path.relative_to(house.folder)), path.read_bytes()
    yield "Dagster's database", run_log(house.application)


def _secrets(town: Town, made: VoucherBooks) -> Iterator[str]:
    yield from map(town.password_of, town.routers)
    for row in made.rows:
        yield from (row.name, row.password)

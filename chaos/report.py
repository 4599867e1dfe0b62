"""All reckonings together: what the report says in the end."""

from collections.abc import Iterator

from chaos import message_invariants, payment_invariants, voucher_invariants
from chaos.buyers import Crowd
from chaos.environment import SOMEBODY_ELSES, Town
from chaos.leaks import leaks, log_files, run_log
from chaos.processes import House
from chaos.voucher_invariants import VoucherBooks
from ticketing.crypto.keyring import KeyRing


def reached(house: House, town: Town, crowd: Crowd) -> dict[str, object]:
    """The figures, and `offences`: everything that is not as it must be."""
    database, documents = house.application.database, house.application.settings.documents
    sold = payment_invariants.read(database, crowd.offer.events)
    payments = town.midtrans.bank.payments()
    made = voucher_invariants.read(database, house.application.get(KeyRing).office_name)
    shelves = {name: router.users() for name, router in town.routers.items()}
    told, taken = message_invariants.read(database), message_invariants.accepted(town)
    offences = [
        *payment_invariants.offences(
            sold, payments, confirmed=crowd.confirmed, documents=documents
        ),
        *voucher_invariants.offences(made, shelves, SOMEBODY_ELSES),
        *message_invariants.offences(told, taken),
        *leaks(_logs(house), _secrets(town, made)),
    ]
    return {
        **payment_invariants.summary(sold, payments),
        **voucher_invariants.summary(made, shelves.values()),
        **message_invariants.summary(told, taken),
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

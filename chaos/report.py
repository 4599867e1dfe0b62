"""All reckonings together: what the report says in the end."""

from collections.abc import Iterator

from chaos import message_invariants, payment_invariants, voucher_invariants
from chaos.buyers import BuyerPool
from chaos.environment import FOREIGN_USER, SimulatedEnvironment
from chaos.leaks import find_leaks, log_files, read_dagster_log
from chaos.processes import ProcessManager
from chaos.voucher_invariants import VoucherSnapshot
from ticketing.crypto.keyring import KeyRing


def build_report(
    house: ProcessManager, town: SimulatedEnvironment, crowd: BuyerPool
) -> dict[str, object]:
    """The figures, and `offences`: everything that is not as it must be."""
    database, documents = house.application.database, house.application.settings.documents
    sold = payment_invariants.read_snapshot(database, crowd.offer.events)
    payments = town.midtrans.bank.payments()
    made = voucher_invariants.read_snapshot(database, house.application.get(KeyRing).office_name)
    shelves = {name: router.users() for name, router in town.routers.items()}
    told, taken = message_invariants.read_snapshot(database), message_invariants.list_accepted(town)
    offences = [
        *payment_invariants.find_violations(
            sold, payments, confirmed=crowd.confirmed, documents=documents
        ),
        *voucher_invariants.find_violations(made, shelves, FOREIGN_USER),
        *message_invariants.find_violations(told, taken),
        *find_leaks(_iter_logs(house), _iter_secrets(town, made)),
    ]
    return {
        **payment_invariants.summarise(sold, payments),
        **voucher_invariants.summarise(made, shelves.values()),
        **message_invariants.summarise(told, taken),
        "offences": sorted(offences),
    }


def _iter_logs(house: ProcessManager) -> Iterator[tuple[str, bytes]]:
    for path in log_files(house.folder):
        yield str(path.relative_to(house.folder)), path.read_bytes()
    yield "Dagster's database", read_dagster_log(house.application)


def _iter_secrets(town: SimulatedEnvironment, made: VoucherSnapshot) -> Iterator[str]:
    yield from map(town.password_of, town.routers)
    for row in made.rows:
        yield from (row.name, row.password)

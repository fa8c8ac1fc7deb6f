"""Attacks a running stack of this machine, for a bounded time, and prints which walls held.

    python -m tests.attack [--project NAME] [--only NAME ...]

It runs as root, as it looks into containers. It sends to 127.0.0.1 only, leaves no container behind, and ends with 1
where a wall did not hold.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable

from tests.attack import clients, containers, fuzz, gate, logs
from tests.attack.target import Held, NoStackError, find
from tests.attack.wire import Address
from tests.e2e.commands import ROOT
from tests.e2e.stack import Stack

FUZZ_REQUESTS, FUZZ_SEED = 2_000, 1


def fuzzing(stack: Stack) -> Held:
    """Send hostile requests to every page, as nobody who is signed in. `tests.attack.fuzz` can do more."""
    address = Address("127.0.0.1", stack.port)
    pages = fuzz.explored(address, None, "")
    outcome = fuzz.attack(address, range(FUZZ_REQUESTS), FUZZ_SEED, pages, lambda session: session)
    return Held(
        FUZZ_REQUESTS, [f"{each.status} for the seed {each.seed} at /{each.request.page}" for each in outcome.failures]
    )


ATTACKS: dict[str, tuple[str, Callable[[Stack], Held]]] = {
    "gate": ("requests of nobody to the internal UIs", gate.attack),
    "containers": ("containers that look for what is another's", containers.attack),
    "masking": ("texts with a secret, in path and user agent", logs.masking),
    "slow": ("connections and uploads that never end", clients.slow),
    "guesses": ("guesses at the password of one account", clients.guesses),
    "fuzz": ("hostile headers, cookies, queries and forms of a stranger", fuzzing),
    "flood": ("requests with lines as long as they get", logs.flood),
}
#: How many troubles of one attack are shown.
_SHOWN = 10


def main() -> int:
    """Attack, and say what held. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="make attack", description=__doc__.partition("\n")[0])
    parser.add_argument("--project", default=ROOT.name, help="the compose project; by default this folder's name")
    parser.add_argument("--only", nargs="+", choices=ATTACKS, default=list(ATTACKS), help="some of the attacks")
    options = parser.parse_args()
    try:
        stack = find(options.project)
    except NoStackError as error:
        sys.exit(f"make attack: {error}")
    print(f"attacking {options.project} on 127.0.0.1:{stack.port}")
    print(f"{'attack':<10} {'held':<5} {'tried':>7} {'seconds':>8}  what")
    broken = False
    for name in options.only:
        what, attack = ATTACKS[name]
        began_at = time.monotonic()
        found = attack(stack)
        broken |= bool(found.troubles)
        seconds = time.monotonic() - began_at
        print(f"{name:<10} {'NO' if found.troubles else 'yes':<5} {found.tried:>7} {seconds:>8.1f}  {what}")
        for trouble in found.troubles[:_SHOWN]:
            print(f"{'':<10} {trouble}")
    return int(broken)


if __name__ == "__main__":
    sys.exit(main())

"""Stand in for systems outside: portals, gateways, a bank, an analyser. Everything they say is invented; Ctrl-C stops all."""

from __future__ import annotations

import argparse
import asyncio
import importlib
import signal
import socket
from typing import Any

from lienmach.base import errors, processes
from lienmach.base.settings import Settings

#: name -> setting that takes its address, default port. Their files lie in simulators/ and know nothing of the house.
SIMULATORS = {
    "insurance": ("LIENMACH_INSURANCE_URL", 8711),
    "prescription": ("LIENMACH_PRESCRIPTION_URL", 8712),
    "sms": ("LIENMACH_SMS_URL", 8713),
    "analyser": ("", 8714),
    "bank": ("LIENMACH_BANK_URL", 8715),
    "einvoice": ("LIENMACH_EINVOICE_URL", 8716),
}
_FAULTS = ("slow", "down", "wrong", "duplicate")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    parser.add_argument("names", nargs="+", choices=list(SIMULATORS), metavar="NAME", help=", ".join(SIMULATORS))
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at")
    parser.add_argument("--port", type=int, help="port of the first one, the others follow; each has one by default")
    parser.add_argument(
        "--fault", default="", metavar="KIND[:RATE]", help=f"{', '.join(_FAULTS)}; RATE from 0 to 1, such as down:0.3"
    )
    parser.add_argument("--seed", type=int, default=1, help="seed of what strikes when")
    parser.add_argument("--parent", type=int, help=argparse.SUPPRESS)
    parser.add_argument(
        "--with", dest="options", action="append", default=[], metavar="NAME=VALUE", help="an option of one simulator"
    )


def run(settings: Settings, args: argparse.Namespace) -> int:
    """Run the simulators until Ctrl-C."""
    if args.parent:
        processes.end_with_parent(args.parent)
    _check_fault(args.fault)
    names = list(dict.fromkeys(args.names))
    places = [
        (name, args.host, args.port + index if args.port else SIMULATORS[name][1]) for index, name in enumerate(names)
    ]
    for name, host, port in places:
        _check_free(name, host, port)
    return asyncio.run(_serve(places, args))


async def _serve(places: list[tuple[str, str, int]], args: argparse.Namespace) -> int:
    options = dict(one.partition("=")[::2] for one in args.options)
    running = []
    for name, host, port in places:
        simulator: Any = importlib.import_module(f"lienmach.simulators.{name}")
        own = {key: value for key, value in options.items() if key in _accepted(simulator)}
        running.append(asyncio.create_task(simulator.serve(host, port, fault=args.fault, seed=args.seed, **own)))
        setting = SIMULATORS[name][0]
        print(f"{name:13} http://{host}:{port}" + (f"   {setting}=http://{host}:{port}" if setting else ""), flush=True)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait([stopping, *running], return_when=asyncio.FIRST_COMPLETED)
    failed = [one for one in running if one.done() and not one.cancelled() and one.exception() is not None]
    for one in [*running, stopping]:
        one.cancel()
    await asyncio.wait([*running, stopping], timeout=5)
    if failed:
        raise errors.Unavailable(f"A simulator ended by itself: {failed[0].exception()}")
    return 0


def _accepted(simulator: Any) -> set[str]:
    """The names of the options that a simulator takes."""
    code = simulator.serve.__code__
    return set(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]) - {"host", "port", "fault", "seed"}


def _check_fault(said: str) -> None:
    kind, _, rate = said.partition(":")
    if said and (kind not in _FAULTS or not _is_rate(rate or "1")):
        raise errors.Invalid(f"--fault takes {', '.join(_FAULTS)} and a rate from 0 to 1 behind a colon, not {said!r}.")


def _is_rate(text: str) -> bool:
    try:
        return 0 <= float(text) <= 1
    except ValueError:
        return False


def _check_free(name: str, host: str, port: int) -> None:
    try:
        with socket.create_server((host, port)):
            return
    except OSError as problem:
        raise errors.Unavailable(
            f"{name} cannot listen at {host}:{port} ({problem.strerror}); another --port may be free."
        ) from None

"""Start this node in the foreground: database, web, jobs. One Ctrl-C or SIGTERM stops all of it."""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import secrets
import select
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

from lienmach.base import disk, postgres
from lienmach.base.errors import Failure
from lienmach.base.settings import Settings, child_environment
from lienmach.commands import connections_file, serve
from lienmach.commands.children import Child

log = logging.getLogger(__name__)

_TEND_DISK_EVERY_SECONDS = 5.0
_SECOND_SIGNAL_SECONDS = 1.0  # `make` passes on the Ctrl-C that the terminal has already sent


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--empty", action="store_true", help="without demo people and demo logins")


def run(settings: Settings, args: argparse.Namespace) -> int:
    """Supervise until a signal; returns 0 after a clean stop, 1 if a part cannot be started."""
    return Supervisor(settings, empty=args.empty).run()


class Supervisor:
    """The parent of everything. It does no work of its own, so that it has no reason to die.

    Order of start: the address, the database, its schema, the web workers, the demo people. Order of
    stop: the reverse. A child that dies is started again, later each time; so is the database. If
    this process itself is killed, the kernel stops the children and the database.
    """

    def __init__(self, settings: Settings, *, empty: bool) -> None:
        self.settings = settings
        self.empty = empty
        self.cluster: postgres.Cluster | None = None
        self.children: list[Child] = []
        self.demo: Child | None = None
        self._stop_asked = 0.0
        self._hurry = False
        self._logins = ""
        self._started = time.monotonic()

    def run(self) -> int:
        """See the module's `run`."""
        wake, self._wake = os.pipe()
        os.set_blocking(wake, False)
        os.set_blocking(self._wake, False)
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(signum, self._asked_to_stop)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # only to wake the loop
        listener = serve.listen(self.settings)
        try:
            if not self._start(listener.fileno(), wake):
                return 0 if self._stop_asked else 1
            self._greet()
            self._watch_over(wake)
            return 0
        finally:
            self._stop(wake)
            listener.close()

    def _start(self, listener: int, wake: int) -> bool:
        settings = self.settings
        several = settings.web_workers > 1
        environment = self._environment(several)
        simulators = self._simulators(environment)
        for number in range(settings.web_workers):
            command = ["serve", "--fd", str(listener), *(["--no-jobs"] if several else [])]
            self.children.append(
                Child(f"web {number + 1}", command, environment, pass_fds=(listener,), tells_ready=True)
            )
            self.children[-1].start(waits=True)
        if not settings.database_url:
            self.cluster = postgres.start(settings)
            environment["LIENMACH_DATABASE_URL"] = self.cluster.url("app")
            environment["LIENMACH_DATABASE_OWNER_URL"] = self.cluster.url("owner")
        self.watch = disk.watch(settings, self.cluster.place if self.cluster else None)
        logins = _in_a_child(lambda: _prepare(settings, self.cluster, self.empty))
        if logins is None:
            return False
        self._logins = logins
        for child in self.children:
            child.go(self.cluster.url("app") if self.cluster else str(settings.database_url))
        others = [Child("jobs", ["work"], environment)] if several else []
        if settings.mllp or settings.astm:
            others.append(Child("analysers", ["mllp"], environment))
        for child in (*others, *simulators):
            self.children.append(child)
            child.start()
        while not self._stop_asked and not all(child.is_ready() for child in self.children):
            _sleep(wake, 0.02, [child.ready_fd for child in self.children if child.ready_fd is not None])
            if any(child.has_ended() and child.deaths_in_a_row > 2 for child in self.children):
                return False
            self._raise_the_dead()
        if not self._stop_asked and not self.empty and _has_demo() and not self._demo_mark().exists():
            self.demo = Child("demo", ["demo", "--background", "--with-visits"], environment)
            self.demo.start()
        return not self._stop_asked

    def _simulators(self, environment: dict[str, str]) -> list[Child]:
        """In a demo home, stand-ins for the portals that no setting names; their addresses go into `environment`."""
        settings = self.settings
        outside = [getattr(settings, f"{one}_url") for one in ("insurance", "prescription", "sms", "bank", "einvoice")]
        if self.empty or not settings.is_loopback() or any(outside):
            return []
        names, secret = ("insurance", "prescription", "sms", "bank", "einvoice"), secrets.token_hex(16)
        first = _free_ports(len(names))
        for offset, name in enumerate(names):
            environment[f"LIENMACH_{name.upper()}_URL"] = f"http://127.0.0.1:{first + offset}"
        for name, value in (("INSURANCE_USER", "demo"), ("INSURANCE_PASSWORD", "demo"),
                            ("PRESCRIPTION_FACILITY", "86991,86992"), ("PRESCRIPTION_PASSWORD", "demo"),
                            ("BANK_SECRET", secret), ("EINVOICE_USER", "demo"), ("EINVOICE_PASSWORD", "demo")):  # fmt: skip
            environment[f"LIENMACH_{name}"] = value
        connections_file.write(settings.home, {name: environment[name] for name in environment if _is_connection(name)})
        notices = f"webhook=http://{settings.http}/billing/bank-notices"
        command = ["simulate", *names, "--port", str(first), "--with", notices, "--with", f"secret={secret}"]
        return [Child("simulators", command, environment)]

    def _environment(self, several: bool) -> dict[str, str]:
        environment = child_environment(self.settings)
        if several:
            folder = self.settings.home / "metrics"
            folder.mkdir(parents=True, exist_ok=True)
            for old in folder.glob("*.db"):
                old.unlink()
            environment["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
        return environment

    def _watch_over(self, wake: int) -> None:
        tended = 0.0
        while not self._stop_asked:
            _sleep(wake, 1.0, [])
            if self.cluster is not None and not self.cluster.is_alive() and not self._stop_asked:
                self._revive_database()
            self._raise_the_dead()
            if self.demo is not None and self.demo.has_ended():
                if self.demo.process is not None and self.demo.process.returncode == 0:
                    self._demo_mark().touch()
                    self.demo = None
                else:
                    self.demo.start_again_if_due()
            if time.monotonic() - tended > _TEND_DISK_EVERY_SECONDS:
                tended = time.monotonic()
                self.watch.look()
                self.watch.tend_reserve()

    def _raise_the_dead(self) -> None:
        for child in self.children:
            if child.has_ended() and not self._stop_asked:
                child.start_again_if_due()

    def _revive_database(self) -> None:
        assert self.cluster is not None
        log.error("PostgreSQL died; starting it again")
        wait = 0.5
        while not self._stop_asked:
            try:
                self.cluster.restart()
                log.info("PostgreSQL is back")
                return
            except Failure as error:
                log.error("%s; trying again in %.0f s", error, wait)
                deadline = time.monotonic() + wait
                while time.monotonic() < deadline and not self._stop_asked:
                    time.sleep(0.1)
                wait = min(wait * 2, 30.0)

    def _stop(self, wake: int) -> None:
        family = [child for child in (self.demo, *self.children) if child is not None]
        for child in family:
            child.ask_to_stop()
        deadline = time.monotonic() + self.settings.stop_seconds
        while any(child.is_running() for child in family):
            if self._hurry or time.monotonic() > deadline:
                for child in family:
                    child.kill()
            _sleep(wake, 0.05, [])
        if self.cluster is not None:
            self.cluster.stop()
            self.cluster = None
        if self._stop_asked:
            print("Đã dừng. Stopped.", flush=True)

    def _asked_to_stop(self, signum: int, _frame: object) -> None:
        now = time.monotonic()
        if not self._stop_asked:
            self._stop_asked = now
        elif now - self._stop_asked > _SECOND_SIGNAL_SECONDS:
            self._hurry = True

    def _greet(self) -> None:
        settings = self.settings
        scheme = "http" if settings.is_loopback() else "https"
        lines = [f"Liền Mạch: {scheme}://{settings.http}/   FHIR R4: {scheme}://{settings.http}/fhir"]
        if scheme == "https":
            lines.append(f"Certificate authority to install on each PC: {settings.home / 'tls' / 'authority.crt'}")
        elif not self.empty:
            lines += self._logins.splitlines()
        if self.demo is not None:
            lines.append("Demo people are flowing in; their number grows below.")
        lines.append(f"Ready after {time.monotonic() - self._started:.1f} s. Ctrl-C stops all of it.")
        print("\n".join(lines), flush=True)

    def _demo_mark(self) -> Path:
        return self.settings.home / "demo-filled"


def _prepare(settings: Settings, cluster: postgres.Cluster | None, empty: bool) -> str:
    """Schema, first tenant, demo logins; returns the logins as lines. Runs in a child: the supervisor stays small."""
    import asyncio

    import asyncpg

    from lienmach.base import clock
    from lienmach.commands import first_day, node
    from lienmach.identity import demo_users

    if cluster is not None:
        settings = node.with_urls(settings, cluster)

    async def prepare() -> str:
        if not settings.database_owner_url:
            await node.check_up_to_date(settings)
            return ""
        for label in await node.prepare(settings, cluster):
            log.info("Migrated %s", label)
        is_demo = not empty and settings.is_loopback()
        await first_day.open_home(settings, is_demo=is_demo)
        if not is_demo:
            return ""
        assert settings.database_url is not None
        async with asyncpg.create_pool(settings.database_url, min_size=0, max_size=2) as pool:
            made = await demo_users.ensure(pool, settings.home, clock.now())
        names = ", ".join(f"{login} ({role})" for login, _, role in made)
        pin = (settings.home / first_day.PIN_FILE).read_text(encoding="utf-8").strip()
        return f"Demo logins, this machine only: {names}\nPassword of each: {made[0][1]}   PIN to sign: {pin}\n"

    return asyncio.run(prepare())


def _in_a_child(work: Callable[[], str]) -> str | None:
    """Fork, run `work` there, and return what it returned, or None if it failed. Only while we have one thread."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
                signal.signal(signum, signal.SIG_DFL)
            os.write(write, work().encode())
            code = 0
        except Failure as error:
            print(f"lienmach run: {error}", file=sys.stderr)
        except BaseException as error:
            notes = "".join(f" {note}" for note in getattr(error, "__notes__", ()))
            log.error("The database cannot be prepared%s", notes, exc_info=error)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    os.close(write)
    with open(read, "rb") as pipe:
        said = pipe.read().decode()
    return said if os.waitpid(pid, 0)[1] == 0 else None


def _free_ports(count: int) -> int:
    """The first of so many ports in a row that nobody listens at."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as one:
            first = int(one.getsockname()[1])
        try:
            with contextlib.ExitStack() as held:
                for offset in range(count):
                    held.enter_context(socket.create_server(("127.0.0.1", first + offset)))
            return first
        except (OSError, OverflowError):
            continue


def _is_connection(name: str) -> bool:
    """Whether a variable names somebody outside, or our account there."""
    return name.startswith(
        tuple(f"LIENMACH_{one}_" for one in ("INSURANCE", "PRESCRIPTION", "SMS", "BANK", "EINVOICE"))
    )


def _has_demo() -> bool:
    return (Path(__file__).parent / "demo.py").exists()


def _sleep(wake: int, seconds: float, others: list[int]) -> None:
    """Wait for a signal, for one of the descriptors, or for the time."""
    select.select([wake, *others], [], [], seconds)
    with contextlib.suppress(BlockingIOError):
        while os.read(wake, 512):
            pass

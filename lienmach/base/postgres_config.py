"""The configuration that the embedded database is given at every start, with the reason of each line.

A line of one's own goes into `local.conf` beside it, which is read last and never written by us.
Who may connect: only the operating-system user that runs the node, by its own name (`peer`), on a
socket in a private folder. There is no password that could leak and no TCP port.
"""

from __future__ import annotations

import os
import pwd
from pathlib import Path

from lienmach.base.postgres_place import Place
from lienmach.base.settings import SettingError, Settings

ROLES = {"superuser": "lienmach_superuser", "owner": "lienmach_owner", "app": "lienmach_app"}

# Run once, in single-user mode, in template1: every database made later has the same owner and grants.
FIRST_BOOT = """
create role lienmach_owner login;
create role lienmach_app login nosuperuser nobypassrls nocreatedb nocreaterole;
alter schema public owner to lienmach_owner;
revoke all on schema public from public;
grant usage on schema public to lienmach_app;
create database lienmach owner lienmach_owner template template1;
revoke all on database lienmach from public;
grant connect on database lienmach to lienmach_app;
"""

_TEXT = """\
# Written by lienmach at every start; your own lines go into local.conf in this folder.
listen_addresses = ''
port = 5432
unix_socket_directories = '{sockets}'
unix_socket_permissions = 0700
max_connections = {connections}
superuser_reserved_connections = 3

# Memory: a PC of 4 GB must carry it; the operating system's cache does the rest.
shared_buffers = {shared}MB
effective_cache_size = {cache}MB
work_mem = 8MB
maintenance_work_mem = 64MB
huge_pages = off
temp_file_limit = 4GB

# Durability is never traded.
fsync = on
full_page_writes = on
synchronous_commit = on
wal_compression = off            # it would cost CPU on each first touch of a page after a checkpoint
wal_buffers = 8MB
max_wal_size = 2GB
min_wal_size = 160MB
checkpoint_timeout = 15min
wal_level = replica              # backups
max_wal_senders = 4
max_replication_slots = 4

# Short statements of a web server: no compilation, no parallel workers, no I/O workers (150 MB saved).
jit = off
max_parallel_workers_per_gather = 0
max_worker_processes = 4
max_logical_replication_workers = 0
io_method = sync
random_page_cost = 1.1
gin_pending_list_limit = 512kB   # a larger list is flushed by one unlucky write

# Often and gently: insert-heavy tables must have their visibility maps and GIN lists kept.
autovacuum_naptime = 30s
autovacuum_max_workers = 2
autovacuum_vacuum_scale_factor = 0.05
autovacuum_vacuum_insert_scale_factor = 0.1
autovacuum_analyze_scale_factor = 0.05

idle_in_transaction_session_timeout = 10min
tcp_keepalives_idle = 60
timezone = 'UTC'
log_timezone = 'UTC'
lc_messages = 'C'
datestyle = 'iso, ymd'

# No patient data in logs: no statement, no parameter, and no text of an error, which quotes the value
# at fault. `log` leaves starts, stops, FATAL and PANIC; the errors reach us as SQLSTATEs.
log_min_error_statement = panic
log_error_verbosity = terse
log_parameter_max_length = 0
log_parameter_max_length_on_error = 0
log_min_messages = log
log_checkpoints = off
log_autovacuum_min_duration = -1
log_line_prefix = '%m [%p] '
{options}
include_if_exists = 'local.conf'
"""


def write(settings: Settings, place: Place, data: Path, options: dict[str, str]) -> None:
    """Write postgresql.conf, pg_hba.conf and pg_ident.conf into `data`, owned by the database's user."""
    try:
        us = pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        raise SettingError(
            f"User number {os.geteuid()} has no name on this machine and PostgreSQL insists on one; "
            "add it to /etc/passwd or set LIENMACH_DATABASE_URL."
        ) from None
    memory_mb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    main = _TEXT.format(
        sockets=str(place.sockets).replace("'", "''"),
        connections=settings.database_connections,
        shared=settings.database_shared_mb,
        cache=max(settings.database_shared_mb * 2, memory_mb // 2),
        options="".join(f"{name} = '{value}'\n" for name, value in options.items()),
    )
    _put(place, data / "postgresql.conf", main)
    _put(place, data / "pg_hba.conf", "local all all peer map=lienmach\nlocal replication all peer map=lienmach\n")
    _put(place, data / "pg_ident.conf", "".join(f'lienmach "{us}" {role}\n' for role in ROLES.values()))


def _put(place: Place, path: Path, text: str) -> None:
    if path.exists() and path.read_text() == text:
        return  # a start on a full disk writes as little as possible
    half = path.with_name(path.name + ".part")
    half.write_text(text)
    half.chmod(0o600)
    if place.other_user:
        os.chown(half, place.uid, place.gid)
    half.replace(path)

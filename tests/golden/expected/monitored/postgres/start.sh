#!/bin/sh
# Makes the cluster once, whole or not at all, then becomes the server.
set -eu
data='/var/lib/hearth/18'
rm -rf "$data.partial"
for other in '/var/lib/hearth'/*/PG_VERSION; do
    [ -e "$other" ] || continue
    [ "$other" = "$data/PG_VERSION" ] && continue
    if [ ! -s "$data/PG_VERSION" ]; then
        echo "data of PostgreSQL $(cat "$other") is kept in ${other%/PG_VERSION}, and version 18 is asked for: set version: $(cat "$other"), or move the data with ./hearth upgrade" >&2
        exit 1
    fi
done
if [ ! -s "$data/PG_VERSION" ]; then
    initdb --pgdata="$data.partial" --username=postgres --auth-local=peer --auth-host=scram-sha-256 \
        --locale=C --locale-provider=builtin --builtin-locale=C.UTF-8 \
        --encoding=UTF8 --data-checksums
    if [ "$(cat "$data.partial/PG_VERSION")" != 18 ]; then
        echo "these programs are PostgreSQL $(cat "$data.partial/PG_VERSION"), and version 18 is asked for" >&2
        exit 1
    fi
    sync
    mv "$data.partial" "$data"
fi
if [ -e '/var/lib/hearth/held' ]; then
    # The data is being moved: whoever writes now would write what is not moved.
    set -- -c listen_addresses=
fi
exec postgres -D "$data" -c config_file='/etc/hearth/postgresql.conf' -c data_directory="$data" "$@"

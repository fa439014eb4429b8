# shellcheck shell=bash
# Starts the built program on a free port, on either store, for scripts that act as its clients.
# Source it in the repository's root. Stops what it started when the script exits.

# shellcheck source=scripts/lib/get.sh
. scripts/lib/get.sh
# shellcheck source=scripts/lib/postgres.sh
. scripts/lib/postgres.sh

place=$(mktemp -d)
chmod 755 "$place" # the database server may run as another user
service_pid='' postgres_pid=''

stop_service() {
    if [ -n "$service_pid" ]; then
        kill "$service_pid" 2>/dev/null || true
        wait "$service_pid" 2>/dev/null || true
        service_pid=''
    fi
}

stop_all() {
    stop_service
    if [ -n "$postgres_pid" ]; then
        kill -INT "$postgres_pid" 2>/dev/null || true
        wait "$postgres_pid" 2>/dev/null || true
    fi
    rm -rf "$place"
}
trap stop_all EXIT

# PostgreSQL refuses to run as root. This prefix of its commands drops the privileges.
unprivileged=()
if [ "$(id -u)" = 0 ]; then
    user=nobody
    if id postgres >/dev/null 2>&1; then user=postgres; fi
    unprivileged=(setpriv --reuid="$user" --regid="$(id -g "$user")" --clear-groups)
fi

# Creates and starts a private PostgreSQL server, on a socket in its own folder.
start_postgres() {
    need_postgres
    local folder=$place/postgres
    mkdir "$folder"
    if [ "$(id -u)" = 0 ]; then
        chmod 777 "$folder"
    fi
    ${unprivileged[@]+"${unprivileged[@]}"} "$PG_BIN/initdb" --pgdata="$folder/data" --username=postgres \
        --auth=trust --encoding=UTF8 --locale=C --no-sync >"$folder/initdb.log" 2>&1 ||
        { cat "$folder/initdb.log" >&2 && return 1; }
    run_postgres
}

# Runs the server that start_postgres created. Starts it again after it has stopped.
run_postgres() {
    local folder=$place/postgres
    : >"$folder/postgres.log" # exists, and is empty, before it is read below
    ${unprivileged[@]+"${unprivileged[@]}"} "$PG_BIN/postgres" -D "$folder/data" -k "$folder" \
        -c listen_addresses= -c fsync=off >"$folder/postgres.log" 2>&1 &
    postgres_pid=$!
    local _
    for _ in {1..100}; do
        if grep -q 'ready to accept connections' "$folder/postgres.log" 2>/dev/null; then
            return
        fi
        sleep 0.1
    done
    cat "$folder/postgres.log" >&2
    return 1
}

# Builds the program. Prints nothing on success.
build_program() {
    cargo build --quiet --locked -p addressbook
    program=$(realpath "${CARGO_TARGET_DIR:-target}")/debug/addressbook
}

# start_service sqlite|postgres [ARGUMENT…]: starts the service, and sets $service_url and
# $service_key, which may read and write everything.
start_service() {
    local store=$1 database=sqlite://$place/sqlite.db
    shift
    if [ "$store" = postgres ]; then
        if [ -z "$postgres_pid" ]; then
            start_postgres
        fi
        database="postgres:///postgres?host=$place/postgres&port=5432&user=postgres"
    fi
    service_key=$(ADDRESSBOOK_DATABASE_URL=$database "$program" keys create --create-database --name script \
        --scope addresses:read --scope addresses:write 2>"$place/log") ||
        { cat "$place/log" >&2 && return 1; }
    : >"$place/banner" # likewise: the shell opens it in the background
    ADDRESSBOOK_DATABASE_URL=$database ADDRESSBOOK_LOG=warn ADDRESSBOOK_SHUTDOWN_DELAY_S=0 \
        "$program" serve --listen 127.0.0.1:0 "$@" >"$place/banner" 2>"$place/log" &
    service_pid=$!
    local _
    for _ in {1..100}; do
        service_url=$(sed -n 's/^ *listening on *//p' "$place/banner")
        if [ -n "$service_url" ]; then
            return
        fi
        sleep 0.1
    done
    cat "$place/log" >&2
    return 1
}

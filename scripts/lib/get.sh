# shellcheck shell=bash
# Installs what scripts need from Debian, npm and PyPI, the last two below target/. Source it in the
# repository's root.

# Installs Debian packages.
get() {
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        { apt-get update && DEBIAN_FRONTEND=noninteractive \
            apt-get install -y --no-install-recommends "$@"; } >&2
    else
        echo "Programs are missing. Install them (Debian, Ubuntu: apt-get install $*)" >&2
        return 1
    fi
}

# need COMMAND PACKAGE…: installs the packages if the command is missing.
need() {
    command -v "$1" >/dev/null || get "${@:2}"
}

# need_python NAME REQUIREMENT…: creates a virtual environment below target/ with exactly these
# packages, and sets $venv.
need_python() {
    venv=$PWD/target/tools/$1
    shift
    if [ "$(cat "$venv/requirements" 2>/dev/null)" = "$*" ]; then
        return
    fi
    need python3 python3 python3-venv
    rm -rf "$venv"
    mkdir -p "${venv%/*}"
    python3 -m venv "$venv" 2>/dev/null || {
        get python3-venv # a separate package on Debian
        rm -rf "$venv"
        python3 -m venv "$venv"
    }
    "$venv/bin/pip" install --quiet --disable-pip-version-check "$@"
    echo "$*" >"$venv/requirements"
}

# need_node FOLDER: copies the folder below target/, installs the packages of its lock file there,
# and sets $copy.
need_node() {
    need node nodejs npm
    need npm npm
    copy=$PWD/target/tools/${1//\//-}
    mkdir -p "$copy"
    cp "$1"/* "$copy/"
    if ! cmp -s "$copy/package-lock.json" "$copy/node_modules/.locked"; then
        (cd "$copy" && npm ci --silent --no-audit --no-fund)
        cp "$copy/package-lock.json" "$copy/node_modules/.locked"
    fi
}

# shellcheck shell=bash
# Gets what scripts need from Debian, npm and PyPI, the last two below target/. To be sourced
# in the repository's root.

# Gets Debian packages.
get() {
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        { apt-get update && DEBIAN_FRONTEND=noninteractive \
            apt-get install -y --no-install-recommends "$@"; } >&2
    else
        echo "This needs more programs (Debian, Ubuntu: apt-get install $*)" >&2
        return 1
    fi
}

# need COMMAND PACKAGE…: gets the packages where the command is missing.
need() {
    command -v "$1" >/dev/null || get "${@:2}"
}

# need_python NAME REQUIREMENT…: a virtual environment below target/ that holds exactly
# these; sets $venv.
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
        get python3-venv # where Debian keeps the means for this
        rm -rf "$venv"
        python3 -m venv "$venv"
    }
    "$venv/bin/pip" install --quiet --disable-pip-version-check "$@"
    echo "$*" >"$venv/requirements"
}

# need_node FOLDER: the packages that the folder's lock file names, in a copy of the folder
# below target/; sets $copy.
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

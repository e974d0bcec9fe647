# What the scripts share that try a running vetd from outside: Python with pinned packages, Node and
# Chromium, and a server in a throw-away folder. Sourced from the root of the project.

TARGET="$(realpath -m "${CARGO_TARGET_DIR:-target}")"
API_KEY=ak_test_0123456789abcdefghijklmn
# Python leaves nothing beside the scripts.
export API_KEY PYTHONDONTWRITEBYTECODE=1
# Nothing of the developer's own settings.
for NAME in $(compgen -e | grep '^VETD_' || true); do unset "$NAME"; done

need_python() {
    if ! python3 -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
        echo "this needs Python 3.10 or later with venv (on Debian: apt-get install python3-venv)" >&2
        exit 1
    fi
}

need_node() {
    if ! node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' 2>/dev/null || ! command -v npm >/dev/null; then
        echo "this needs Node 20 or later with npm (https://nodejs.org, or on Debian: apt-get install nodejs npm)" >&2
        exit 1
    fi
}

# Names a browser in CHROMIUM.
need_chromium() {
    local name
    for name in "${CHROMIUM:-}" chromium chromium-browser google-chrome google-chrome-stable; do
        if [ -n "$name" ] && CHROMIUM="$(command -v "$name")"; then return; fi
    done
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "no Chromium is installed: installing the package chromium" >&2
        apt-get update -qq && apt-get install -qq --no-install-recommends chromium >&2
        CHROMIUM="$(command -v chromium)"
    else
        echo "this needs Chromium: install it (on Debian: apt-get install chromium), or name one in CHROMIUM" >&2
        exit 1
    fi
}

# python_with NAME==VERSION…: a virtual environment of its own for these packages, in VENV. It is
# made once; that first time it needs the network.
python_with() {
    VENV="$TARGET/python-$(printf '%s\n' "$@" | sha256sum | cut -c1-16)"
    [ -e "$VENV/made" ] && return
    need_python
    rm -rf "$VENV"
    python3 -m venv "$VENV"
    "$VENV/bin/pip" install --quiet --disable-pip-version-check "$@"
    touch "$VENV/made"
}

# Names a vetd in PROGRAM: the one that is named already, or the debug build of what is here.
need_program() {
    if [ -z "${PROGRAM:-}" ]; then
        cargo build --locked --quiet --bin vetd
        PROGRAM="$TARGET/debug/vetd"
    fi
}

# Starts PROGRAM over a folder in DATA that goes at the end. Its address is in URL, its process in
# SERVER, and API_KEY opens it.
start_vetd() {
    need_program
    DATA="$(mktemp -d)"
    SERVER=
    trap 'if [ -n "$SERVER" ]; then kill "$SERVER" 2>/dev/null || true; wait "$SERVER" 2>/dev/null || true; fi; rm -rf "$DATA"' EXIT
    VETD_BOOTSTRAP_TEST_KEY="$API_KEY" "$PROGRAM" serve --data "$DATA/store" --listen 127.0.0.1:0 --log error \
        >"$DATA/out" 2>"$DATA/log" &
    SERVER=$!
    URL=
    for _ in $(seq 100); do
        URL="$(sed -n 's/.*listening on *\(http:[^ ]*\).*/\1/p' "$DATA/out")"
        [ -n "$URL" ] && break
        kill -0 "$SERVER" 2>/dev/null || { cat "$DATA/log" >&2; exit 1; }
        sleep 0.1
    done
    [ -n "$URL" ] || { echo "the server did not start within ten seconds" >&2; exit 1; }
    export URL
}

# Ends the script with this status, or with a failure if the server has ended or logged an error.
finish() {
    local status="$1"
    kill -0 "$SERVER" || { echo "the server has ended" >&2; status=1; }
    if [ -s "$DATA/log" ]; then
        echo "the server logged errors:" >&2
        cat "$DATA/log" >&2
        status=1
    fi
    exit "$status"
}

#!/usr/bin/env bash
# Holds a running vetd against its own OpenAPI document with schemathesis, all checks on: no
# undocumented status, no answer that is not as documented, no request wrongly taken or refused,
# no failure of the server. Needs Python 3.10 or later with venv, and the first time the network.
#
#     tests/schemathesis.sh [arguments of `schemathesis run`]
set -euo pipefail
cd "$(dirname "$0")/.."
HERE="$PWD/tests"

VERSION=4.32.5
TARGET="$(realpath -m "${CARGO_TARGET_DIR:-target}")"
VENV="$TARGET/schemathesis-$VERSION"
# Nothing of the developer's own settings.
for NAME in $(compgen -e | grep '^VETD_' || true); do unset "$NAME"; done
export API_KEY=ak_test_0123456789abcdefghijklmn

if [ ! -x "$VENV/bin/schemathesis" ]; then
    if ! python3 -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
        echo "schemathesis needs Python 3.10 or later with venv (on Debian: apt-get install python3-venv)" >&2
        exit 1
    fi
    rm -rf "$VENV"
    python3 -m venv "$VENV"
    "$VENV/bin/pip" install --quiet --disable-pip-version-check "schemathesis==$VERSION" || { rm -rf "$VENV"; exit 1; }
fi

cargo build --locked --quiet --bin vetd
DATA="$(mktemp -d)"
SERVER=
trap 'if [ -n "$SERVER" ]; then kill "$SERVER" 2>/dev/null || true; wait "$SERVER" 2>/dev/null || true; fi; rm -rf "$DATA"' EXIT
VETD_BOOTSTRAP_TEST_KEY="$API_KEY" "$TARGET/debug/vetd" serve --data "$DATA/store" --listen 127.0.0.1:0 --log error \
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

export URL SCHEMATHESIS_HOOKS="$HERE/schemathesis_hooks.py" PYTHONDONTWRITEBYTECODE=1
STATUS=0
# Whatever it leaves behind, it leaves in the throw-away folder.
(cd "$DATA" && "$VENV/bin/schemathesis" --config-file "$HERE/schemathesis.toml" run "$URL/openapi.json" --checks all "$@") ||
    STATUS=$?
kill -0 "$SERVER" || { echo "the server has ended" >&2; STATUS=1; }
if [ -s "$DATA/log" ]; then
    echo "the server logged errors:" >&2
    cat "$DATA/log" >&2
    STATUS=1
fi
exit "$STATUS"

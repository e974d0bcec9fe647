#!/usr/bin/env bash
# Measures vetd on this machine, scenario by scenario, each against a fresh server with an empty
# data folder, and prints the rows of the table in README.md. Needs nothing but cargo.
#
#   benches/run.sh [FOLDER]       where the results go, as JSON [target/measured]
#
#   DURATION=10  seconds of each measurement        RUNS=3  measurements of each, alternating
#   WARMUP=2     seconds before it                  SESSIONS=100000  for live and recover
#   DATA=…       folder for throw-away stores, on the disk that is to be measured [target]
#   ONLY=…       a pattern of names: ONLY='create-*' benches/run.sh
#   BIN=…        folder with vetd and vetd-load, instead of building them
set -euo pipefail
cd "$(dirname "$0")/.."

results="${1:-target/measured}"
duration="${DURATION:-10}" warmup="${WARMUP:-2}" runs="${RUNS:-3}" sessions="${SESSIONS:-100000}" only="${ONLY:-*}"
mkdir -p "$results" "${DATA:-target}"
folder="$(mktemp -d "${DATA:-target}/vetd-measured-XXXXXX")"
bin="${BIN:-${CARGO_TARGET_DIR:-target}/release}"
export VETD_API_KEY=ak_test_measured0123456789abcdefgh
failed=() files=() server=

stop_server() {
    if [[ -n "$server" ]]; then
        kill "$server" 2>/dev/null || true
        # After `recover` it is not a child of this shell, which then cannot wait for it; and one
        # that nobody waits for stays, as a zombie.
        while grep -qs '^State:[^Z]*$' "/proc/$server/status"; do sleep 0.05; done
        server=
    fi
    rm -rf "${folder:?}/data"
}
trap 'stop_server; rm -rf "$folder"' EXIT

start_server() {
    local line
    stop_server
    # The driver's own settings are none of the server's.
    exec 3< <(exec env -u VETD_API_KEY -u VETD_LOAD_SERVER VETD_BOOTSTRAP_TEST_KEY="$VETD_API_KEY" \
        "$bin/vetd" serve --listen 127.0.0.1:0 --data "$folder/data" --log warn)
    server=$!
    while read -r line <&3; do
        if [[ "$line" == *"listening on"* ]]; then
            export VETD_LOAD_SERVER="${line##*//}"
            return
        fi
    done
    echo "the server did not start" >&2
    exit 1
}

# A measurement: its name, then the arguments of vetd-load. Its result is a file of that name.
measure() {
    local name="$1"
    shift
    printf '==> %s: vetd-load %s\n' "$name" "$*" >&2
    if "$bin/vetd-load" "$1" --json "${@:2}" >"$results/$name.json"; then
        files+=("$results/$name.json")
    else
        failed+=("$name")
    fi
}

# A scenario, unless ONLY leaves it out.
scenario() {
    local name="$1"
    shift
    # shellcheck disable=SC2053
    [[ "$name" == $only ]] || return 0
    start_server
    measure "$name" run "$@" --duration "$duration" --warmup "$warmup" --runs "$runs" --pid "$server" --data "$folder/data"
}

[[ -n "${BIN:-}" ]] || cargo build --release --locked -p vetd -p vetd-load

scenario create-1 create -c 1 --dir "$folder"
scenario create-64 create -c 64
scenario create-256 create -c 256
scenario create-256-at-2000 create -c 256 --rate 2000
scenario read-64 read -c 64
scenario read-64-of-50000 read -c 64 --spread 50000
scenario replay-64 replay -c 64
scenario mixed-64 mixed -c 64
scenario lifecycle-64 lifecycle -c 64
scenario lifecycle-256 lifecycle -c 256
scenario webhooks-1 webhooks --endpoints 1 -c 64
scenario webhooks-10 webhooks --endpoints 10 -c 64
scenario webhooks-100 webhooks --endpoints 100 -c 64
scenario webhooks-dead webhooks --endpoints 1 --dead --pending 10000 --rate 500 -c 64
scenario live live -c 256 --sessions "$sessions"
# Kills the server that holds these sessions, and starts it again over the same folder.
if [[ recover == $only ]]; then
    [[ live == $only ]] || { start_server && "$bin/vetd-load" run live -c 256 --sessions "$sessions" >&2; }
    measure recover recover --pid "$server" --runs "$runs" -- \
        "$bin/vetd" serve --listen "$VETD_LOAD_SERVER" --data "$folder/data" --log warn
    # The server is another process by now.
    server="$(sed -n 's/.*"pid":\([0-9]*\).*/\1/p' "$results/recover.json")"
fi

if ((${#files[@]})); then
    "$bin/vetd-load" table "${files[@]}"
fi
if ((${#failed[@]})); then
    echo "failed, see above: ${failed[*]}" >&2
    exit 1
fi

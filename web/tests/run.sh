#!/usr/bin/env bash
# Tries what browsers get in headless Chromium against a running vetd; before that, checks its types.
# Needs Node 20 or later with npm, the first time the network, and Chromium: the one that CHROMIUM
# names, one that is installed, or, as root on Debian, the package that it then installs. PROGRAM names
# a vetd that is built already. Arguments are test files; without any, all of them run.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/live.sh

# The packages of package-lock.json, once.
need_packages() {
    local made=web/tests/node_modules/.made
    if ! cmp -s web/tests/package-lock.json "$made"; then
        npm --prefix web/tests ci --silent
        cp web/tests/package-lock.json "$made"
    fi
}

need_node
need_chromium
need_packages
need_program
export CHROMIUM PROGRAM
# The server is on this machine, whatever stands between it and the network.
export NO_PROXY=127.0.0.1,localhost no_proxy=127.0.0.1,localhost
echo "checking types, then testing $PROGRAM in $CHROMIUM" >&2
for PROJECT in web web/tests; do
    web/tests/node_modules/.bin/tsc --project "$PROJECT"
done
FILES=("$@")
[ "${#FILES[@]}" -gt 0 ] || FILES=(web/tests/*.test.js)
exec node --test --test-concurrency=1 --test-timeout=600000 "${FILES[@]}"

#!/usr/bin/env bash
# Holds a running vetd against its own OpenAPI document with schemathesis, all checks on: no
# undocumented status, no answer that is not as documented, no request wrongly taken or refused,
# no failure of the server. Needs Python 3.10 or later with venv, and the first time the network.
# PROGRAM names a vetd that is built already.
#
#     tests/schemathesis.sh [arguments of `schemathesis run`]
set -euo pipefail
cd "$(dirname "$0")/.."
HERE="$PWD/tests"
. tests/live.sh

python_with schemathesis==4.32.5
start_vetd
export SCHEMATHESIS_HOOKS="$HERE/schemathesis_hooks.py"
STATUS=0
# Whatever it leaves behind, it leaves in the throw-away folder.
(cd "$DATA" && "$VENV/bin/schemathesis" --config-file "$HERE/schemathesis.toml" run "$URL/openapi.json" --checks all "$@") ||
    STATUS=$?
finish "$STATUS"

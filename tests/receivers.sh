#!/usr/bin/env bash
# Has receivers that are not ours verify the deliveries of a running vetd and the published
# vectors: the libraries stripe and standardwebhooks for Python, as docs/webhooks.md shows them.
# Needs Python 3.10 or later with venv, and the first time the network. PROGRAM names a vetd that
# is built already.
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/live.sh

python_with stripe==16.1.0 standardwebhooks==1.1.0
start_vetd
STATUS=0
"$VENV/bin/python" tests/receivers.py || STATUS=$?
finish "$STATUS"

#!/usr/bin/env bash
# Keeps pictures in a bucket of an S3 server that is not ours: moto, which checks signatures and who
# may do what. Needs Python 3.10 or later with venv, and the first time the network.
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/live.sh

python_with 'moto[iam,s3,server]==5.2.5'
# The server is on this machine, whatever stands between it and the network.
export NO_PROXY=127.0.0.1 no_proxy=127.0.0.1
# The same packages and features as in .ci/run, so that nothing is built for this alone.
exec "$VENV/bin/python" tests/s3.py \
    cargo test --workspace --locked --quiet --test it -- --ignored media_bucket

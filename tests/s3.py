"""Runs a command next to an S3 server that is not ours (moto) and that checks signatures. The
command finds the server, a bucket and an access key in its environment."""

import json
import logging
import os
import subprocess
import sys

# The four calls below make a bucket and who may use it; from then on every call must be signed by
# an access key that is allowed it.
os.environ["INITIAL_NO_AUTH_ACTION_COUNT"] = "4"

import boto3  # noqa: E402
from moto.server import ThreadedMotoServer  # noqa: E402

BUCKET = "vetd-pictures"
POLICY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}],
}


def main():
    # A line for each request would bury what the command says.
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        address = f"http://{host}:{port}"
        anyone = {"endpoint_url": address, "region_name": "us-east-1"}
        anyone |= {"aws_access_key_id": "anyone", "aws_secret_access_key": "anyone"}
        users = boto3.client("iam", **anyone)
        users.create_user(UserName="vetd")
        key = users.create_access_key(UserName="vetd")["AccessKey"]
        users.put_user_policy(UserName="vetd", PolicyName="pictures", PolicyDocument=json.dumps(POLICY))
        boto3.client("s3", **anyone).create_bucket(Bucket=BUCKET)
        environment = os.environ | {
            "VETD_TEST_S3_ENDPOINT": address,
            "VETD_TEST_S3_BUCKET": BUCKET,
            "VETD_TEST_S3_ACCESS_KEY_ID": key["AccessKeyId"],
            "VETD_TEST_S3_SECRET_ACCESS_KEY": key["SecretAccessKey"],
        }
        return subprocess.run(sys.argv[1:], env=environment, check=False).returncode
    finally:
        server.stop()


if __name__ == "__main__":
    sys.exit(main())

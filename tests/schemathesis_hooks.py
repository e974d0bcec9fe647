"""What tests/schemathesis.sh needs beyond the document: credentials, and something to work on."""

import itertools
import json
import os
import re
import urllib.request

import schemathesis

API_KEY = os.environ["API_KEY"]
NUMBERS = itertools.count(1)


def post(path, bearer, body=None):
    headers = {"Authorization": f"Bearer {bearer}", "Content-Type": "application/json"}
    data = json.dumps(body or {}).encode()
    request = urllib.request.Request(os.environ["URL"] + path, data, headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def authorize(case, bearer):
    case.headers = {**(case.headers or {}), "Authorization": f"Bearer {bearer}"}


@schemathesis.auth().apply_to(path_regex="^/v1/")
class Tenant:
    def get(self, case, context):
        return API_KEY

    def set(self, case, data, context):
        authorize(case, data)


@schemathesis.auth(refresh_interval=None).apply_to(path_regex="^/iframe/api/")
class Person:
    """A token for each request, so that it meets a session that lives."""

    def get(self, case, context):
        token = post("/v1/sessions", API_KEY)["sdk_token"]
        post("/iframe/api/load", token)
        return token

    def set(self, case, data, context):
        authorize(case, data)


@schemathesis.hook
def before_call(context, case, kwargs):
    """One key used for everything would be idempotency_conflict, and nothing else would be seen."""
    key = (case.headers or {}).get("Idempotency-Key")
    if isinstance(key, str) and re.fullmatch("[!-~]{1,240}", key):
        case.headers["Idempotency-Key"] = f"{key}-{next(NUMBERS)}"


# A template that stays: the default cannot be archived. The examples name it.
FIELDS = [{"name": "last_name", "type": "string"}]
FLOW = {"steps": [{"type": "consent", "text": "Yes."}, {"type": "data_entry", "fields": FIELDS}]}
TEMPLATE = post("/v1/templates", API_KEY, {"name": "Basic", "slug": "kyc-basic", "flow_config": FLOW})["id"]
for act in ("publish", "default"):
    post(f"/v1/templates/{TEMPLATE}/{act}", API_KEY)

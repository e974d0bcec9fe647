"""What tests/receivers.sh runs: a receiver on a real socket, and the published vectors."""

import contextlib
import datetime
import json
import os
import pathlib
import queue
import threading
import unittest
import unittest.mock
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer

import standardwebhooks
import stripe

VECTORS = pathlib.Path(__file__).parent / "vectors" / "signatures.json"
FOREIGN = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="


def post(path, body):
    headers = {"Authorization": f"Bearer {os.environ['API_KEY']}", "Content-Type": "application/json"}
    request = urllib.request.Request(os.environ["URL"] + path, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def by_stripe(secret, headers, body, tolerance=300):
    """The shown secret as it is, the raw body, the header KYC-Signature."""
    try:
        stripe.WebhookSignature.verify_header(body.decode(), headers["KYC-Signature"], secret, tolerance)
        return True
    except stripe.SignatureVerificationError:
        return False


def by_standardwebhooks(secret, headers, body):
    """The shown secret as it is, the raw body, the three webhook- headers."""
    try:
        standardwebhooks.Webhook(secret).verify(body, dict(headers), json_parse=False)
        return True
    except standardwebhooks.WebhookVerificationError:
        return False


@contextlib.contextmanager
def at(now):
    """Lets both libraries believe that it is this second."""

    class Then(datetime.datetime):
        @classmethod
        def now(cls, tz=None):
            return cls.fromtimestamp(now, tz)

    with unittest.mock.patch("stripe._webhook.time.time", lambda: float(now)):
        with unittest.mock.patch("standardwebhooks.webhooks.datetime", Then):
            yield


class Hook(BaseHTTPRequestHandler):
    """Takes a delivery down, answers at once, and leaves the work to others."""

    arrived = queue.Queue()

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.arrived.put((self.headers, body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


class Receivers(unittest.TestCase):
    def test_the_published_vectors(self):
        vectors = json.loads(VECTORS.read_text("utf-8"))
        for case in vectors["cases"]:
            body = case["body"].encode()
            for secret in case["secrets"]:
                with self.subTest(case["name"]), at(case["now"]):
                    stripes = by_stripe(secret, case["headers"], body, vectors["tolerance"])
                    self.assertEqual(stripes, case["accepted"], "stripe")
                    self.assertEqual(by_standardwebhooks(secret, case["headers"], body), case["accepted"], "standardwebhooks")

    def test_deliveries(self):
        server = HTTPServer(("127.0.0.1", 0), Hook)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        endpoint = post("/v1/webhook_endpoints", {"url": f"http://127.0.0.1:{server.server_port}/hook"})
        session = post("/v1/sessions", {"metadata": {"customer": "Zoë 🪪"}})
        post(f"/v1/test/sessions/{session['id']}/simulate", {"actions": ["load", "submit"]})
        told = []
        while not told or told[-1] != "verification.completed":
            headers, body = Hook.arrived.get(timeout=20)
            told.append(self.check(endpoint["secret"], headers, body, session, len(told) + 1))
        self.assertEqual(told[0], "verification.created")
        self.assertEqual(len(told), 4)

    def check(self, secret, headers, body, session, sequence):
        event = stripe.Webhook.construct_event(body, headers["KYC-Signature"], secret)
        self.assertEqual(event["session_id"], session["id"])
        self.assertEqual(event["sequence"], sequence)
        self.assertEqual(event["data"]["object"]["metadata"]["customer"], "Zoë 🪪")
        same = standardwebhooks.Webhook(secret).verify(body, dict(headers))
        self.assertEqual(same["id"], event["id"])
        self.assertEqual((headers["KYC-Event-Id"], headers["webhook-id"]), (event["id"], event["id"]))
        for verify in (by_stripe, by_standardwebhooks):
            self.assertTrue(verify(secret, headers, body))
            self.assertFalse(verify(secret, headers, body.replace("Zoë".encode(), b"Zoe")), "a body that was changed")
            self.assertFalse(verify(secret, headers, body + b" "), "a body that grew")
            self.assertFalse(verify(FOREIGN, headers, body), "another secret")
            with at(event["created"] + 3600):
                self.assertFalse(verify(secret, headers, body), "an hour later")
        return event["type"]


if __name__ == "__main__":
    unittest.main()

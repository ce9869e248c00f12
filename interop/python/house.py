"""What every client's flows stand on: the started server, its apps, a browser for the person, the lines of the report.

Owns no OAuth: that is the clients' part.
"""

import json
import os
import traceback
from html.parser import HTMLParser
from urllib.parse import parse_qs, urljoin, urlsplit

import requests

with open(os.environ["PANTRY_INTEROP"], encoding="utf-8") as file:
    WORLD = json.load(file)
ISSUER = WORLD["issuer"]
REDIRECT_URI = WORLD["redirect_uri"]
METADATA = requests.get(f"{ISSUER}/.well-known/openid-configuration", timeout=30).json()
#: One scope that the person must tick, one that is always there, and those of OpenID Connect.
SCOPES = ["openid", "profile", "email", "user.read", "files.app_data", "files.read_all"]
SCOPE = " ".join(SCOPES)

failures = []


def flow(client, name):
    """Runs the function below it as one flow, and prints one line."""

    def run(body):
        try:
            body()
            print(f"ok      {client}: {name}", flush=True)
        except Exception:  # whatever a client throws is a failure of its flow
            failures.append(name)
            print(f"FAILED  {client}: {name}", flush=True)
            traceback.print_exc()
        return body

    return run


def v1(token, expected=200):
    """Calls v1 with a token, as an app would without a library."""
    headers = {"Authorization": f"Bearer {token}"}
    answer = requests.get(f"{ISSUER}/v1/user/info", headers=headers, timeout=30)
    assert answer.status_code == expected, answer.text
    if expected == 200:
        assert answer.json()["data"]["username"] == WORLD["username"]


def parameters(url):
    """The parameters of an address, each once."""
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


class Forms(HTMLParser):
    """The forms of a page: where each goes, and its fields."""

    def __init__(self, page):
        super().__init__()
        self.found = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag == "form":
            self.found.append((attrs.get("action", ""), []))
        elif tag in ("input", "button") and self.found:
            self.found[-1][1].append((tag, attrs))


def filled(fields, decision):
    """A form's fields as a person leaves them, or None if it asks nothing of interest."""
    values, asks = [], False
    for tag, attrs in fields:
        name, kind = attrs.get("name"), attrs.get("type")
        if tag == "button":
            if name == "decision" and attrs["value"] == decision:
                values.append((name, decision))
                asks = True
        elif kind == "password":
            values.append((name, WORLD["password"]))
            asks = True
        elif name == "account":
            values.append((name, WORLD["username"]))
        elif kind != "radio" or "checked" in attrs:
            asks = asks or (name == "user_code" and kind == "text")
            values.append((name, attrs.get("value", "")))
    return values if asks else None


class Browser:
    """A person at a browser, who signs in and says yes or no."""

    def __init__(self):
        self.session = requests.Session()
        self.session.headers["Accept-Language"] = "en"

    def visit(self, address, decision="allow"):
        """Goes to an address and answers whatever the pages ask, all boxes ticked.

        Answers the address of the app that one is sent back to, or None if the last page has no more to ask.
        """
        url = str(address)
        answer = self.session.get(url, allow_redirects=False, timeout=30)
        for _ in range(12):
            if answer.is_redirect:
                url = urljoin(url, answer.headers["Location"])
                if url.startswith(REDIRECT_URI):
                    return url
                answer = self.session.get(url, allow_redirects=False, timeout=30)
                continue
            assert answer.status_code == 200, f"{url} answered {answer.status_code}"
            forms = ((action, filled(fields, decision)) for action, fields in Forms(answer.text).found)
            form = next(((action, values) for action, values in forms if values is not None), None)
            if form is None:
                return None
            parts = urlsplit(url)
            headers = {"Origin": f"{parts.scheme}://{parts.netloc}"}
            url = urljoin(url, form[0])
            answer = self.session.post(url, data=form[1], headers=headers, allow_redirects=False, timeout=30)
        raise AssertionError(f"The pages do not come to an end, at {url}")

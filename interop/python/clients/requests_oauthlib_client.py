"""requests-oauthlib, on oauthlib: code with PKCE, refresh by itself, device through oauthlib's client."""

import os

# oauthlib's own switch for servers without https.
os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"

import requests
from oauthlib.oauth2 import DeviceClient, WebApplicationClient
from requests.auth import HTTPBasicAuth
from requests_oauthlib import OAuth2Session

from house import ISSUER, METADATA, REDIRECT_URI, SCOPES, WORLD, Browser, flow, v1

NAME = "requests-oauthlib"


def revoke(session, token, app):
    """By the request that oauthlib makes of it."""
    auth = HTTPBasicAuth(app["client_id"], app["client_secret"]) if app.get("client_secret") else None
    url, headers, body = session._client.prepare_token_revocation_request(
        METADATA["revocation_endpoint"], token["refresh_token"], "refresh_token", client_id=app["client_id"]
    )
    ended = requests.post(url, data=body, headers=headers, auth=auth, timeout=30)
    assert ended.status_code == 200, ended.text
    v1(token["access_token"], 401)


for how, app in [
    ("client_secret_basic", WORLD["confidential"]),
    ("client_secret_post", WORLD["confidential"]),
    ("public", WORLD["public"]),
]:

    @flow(NAME, f"code with PKCE, userinfo, v1, refresh by itself, revocation ({how})")
    def whole(how=how, app=app):
        kept = {}
        basic = HTTPBasicAuth(app["client_id"], app["client_secret"]) if how == "client_secret_basic" else None
        body = {
            "client_secret_basic": {"auth": basic},
            "client_secret_post": {"client_secret": app.get("client_secret"), "include_client_id": True},
            "public": {"include_client_id": True},
        }[how]
        again = {"client_secret_basic": {}, "public": {"client_id": app["client_id"]}}.get(
            how, {"client_id": app["client_id"], "client_secret": app.get("client_secret")}
        )
        session = OAuth2Session(
            client=WebApplicationClient(app["client_id"]),
            redirect_uri=REDIRECT_URI,
            scope=SCOPES,
            pkce="S256",
            auto_refresh_url=METADATA["token_endpoint"],
            auto_refresh_kwargs=again,
            token_updater=kept.update,
        )
        url, state = session.authorization_url(METADATA["authorization_endpoint"])
        tokens = session.fetch_token(
            METADATA["token_endpoint"], authorization_response=Browser().visit(url), state=state, **body
        )
        # oauthlib itself refuses an answer whose scopes are others than those it asked for.
        assert set(tokens["scope"]) == set(SCOPES)
        about = session.get(METADATA["userinfo_endpoint"]).json()
        assert about["preferred_username"] == WORLD["username"]
        session.token = {**tokens, "expires_in": -1, "expires_at": 1}
        secret = {} if basic is None else {"client_id": app["client_id"], "client_secret": app["client_secret"]}
        called = session.get(f"{ISSUER}/v1/user/info", **secret)
        assert called.json()["data"]["username"] == WORLD["username"]
        assert kept["refresh_token"] != tokens["refresh_token"]
        revoke(session, kept, app)


@flow(NAME, "device")
def device():
    app = WORLD["public"]
    client = DeviceClient(app["client_id"], scope=SCOPES)
    request = {"client_id": app["client_id"], "scope": " ".join(SCOPES)}
    asked = requests.post(METADATA["device_authorization_endpoint"], data=request, timeout=30).json()
    Browser().visit(asked["verification_uri_complete"])
    session = OAuth2Session(client=client)
    tokens = session.fetch_token(
        METADATA["token_endpoint"], device_code=asked["device_code"], include_client_id=True
    )
    v1(tokens["access_token"])
    revoke(session, tokens, app)

"""requests_oauth2client: by discovery, code with PKCE, PAR, device, introspection, the id_token judged by it."""

import threading

import requests
from requests_oauth2client import (
    BearerToken,
    ClientSecretBasic,
    ClientSecretPost,
    DeviceAuthorizationPollingJob,
    InvalidGrant,
    OAuth2AccessTokenAuth,
    OAuth2Client,
    PublicApp,
)

from house import ISSUER, METADATA, REDIRECT_URI, SCOPE, WORLD, Browser, flow, v1

NAME = "requests_oauth2client"


def configure(app, way, **more):
    """By discovery; `testing` is the library's switch for servers without https."""
    secret = () if way is PublicApp else (app["client_secret"],)
    return OAuth2Client.from_discovery_endpoint(
        issuer=ISSUER, auth=way(app["client_id"], *secret), redirect_uri=REDIRECT_URI, testing=True, **more
    )


def sign_in(client, pushed=False):
    request = client.authorization_request(scope=SCOPE, max_age=600)
    url = client.pushed_authorization_request(request) if pushed else request
    answer = request.validate_callback(Browser().visit(url.uri))
    return client.authorization_code(answer, validate=True)


def revoke(client, tokens):
    assert client.revoke_refresh_token(tokens.refresh_token)
    v1(tokens.access_token, 401)


for how, app, way, more in [
    ("client_secret_basic", WORLD["confidential"], ClientSecretBasic, {}),
    ("client_secret_post", WORLD["confidential"], ClientSecretPost, {}),
    ("public", WORLD["public"], PublicApp, {}),
    ("ES256", WORLD["es256"], ClientSecretBasic, {"id_token_signed_response_alg": "ES256"}),
]:

    @flow(NAME, f"code with PKCE, id_token, userinfo, v1, refresh, introspection, revocation ({how})")
    def whole(app=app, way=way, more=more):
        client = configure(app, way, **more)
        tokens = sign_in(client)
        assert isinstance(tokens, BearerToken)
        about = client.userinfo(tokens)
        assert (about["sub"], about["preferred_username"]) == (tokens.id_token.subject, WORLD["username"])
        called = requests.get(f"{ISSUER}/v1/user/info", auth=OAuth2AccessTokenAuth(client, tokens), timeout=30)
        assert called.json()["data"]["username"] == WORLD["username"]
        fresh = client.refresh_token(tokens)
        v1(fresh.access_token)
        if way is not PublicApp:
            known = client.introspect_token(fresh)
            assert known["active"] and known["client_id"] == app["client_id"]
        revoke(client, fresh)


@flow(NAME, "pushed authorization request")
def pushed():
    client = configure(WORLD["confidential"], ClientSecretBasic)
    revoke(client, sign_in(client, pushed=True))


@flow(NAME, "device")
def device():
    # The library does not look for this address in the metadata.
    address = METADATA["device_authorization_endpoint"]
    client = configure(WORLD["public"], PublicApp, device_authorization_endpoint=address)
    asked = client.authorize_device(scope=SCOPE)
    # The person is slower than the device: it hears authorization_pending first.
    person = threading.Timer(1.3, lambda: Browser().visit(asked.verification_uri_complete))
    person.start()
    poll = DeviceAuthorizationPollingJob(client, asked, interval=1)
    tokens = None
    while tokens is None:
        tokens = poll()
    person.join()
    v1(tokens.access_token)
    revoke(client, tokens)


@flow(NAME, "a wrong code is told as invalid_grant")
def wrong():
    client = configure(WORLD["confidential"], ClientSecretBasic)
    try:
        client.authorization_code("nothing")
    except InvalidGrant:
        return
    raise AssertionError("a wrong code was taken")

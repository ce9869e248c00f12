"""httpx-oauth: its OpenID client by discovery, and the plain one with each way of authentication."""

import asyncio
import base64
import hashlib
import secrets

from httpx_oauth.clients.openid import OpenID
from httpx_oauth.oauth2 import BaseOAuth2, GetAccessTokenError

from house import ISSUER, METADATA, REDIRECT_URI, SCOPES, WORLD, Browser, flow, parameters, v1

NAME = "httpx-oauth"
APP = WORLD["confidential"]


async def whole(client, profile=False):
    verifier = secrets.token_urlsafe(48)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    url = await client.get_authorization_url(REDIRECT_URI, "state", SCOPES, challenge, "S256")
    back = parameters(Browser().visit(url))
    assert back["state"] == "state"
    tokens = await client.get_access_token(back["code"], REDIRECT_URI, verifier)
    assert not tokens.is_expired()
    if profile:
        about = await client.get_profile(tokens["access_token"])
        assert about["preferred_username"] == WORLD["username"]
        assert await client.get_id_email(tokens["access_token"]) == (about["sub"], WORLD["email"])
    fresh = await client.refresh_token(tokens["refresh_token"])
    v1(fresh["access_token"])
    await client.revoke_token(fresh["refresh_token"], "refresh_token")
    v1(fresh["access_token"], 401)


@flow(NAME, "OpenID: code with PKCE, userinfo, refresh, v1, revocation")
def openid():
    discovery = f"{ISSUER}/.well-known/openid-configuration"
    asyncio.run(whole(OpenID(APP["client_id"], APP["client_secret"], discovery), profile=True))


for method in ("client_secret_basic", "client_secret_post"):

    @flow(NAME, f"code with PKCE, refresh, v1, revocation ({method})")
    def plain(method=method):
        client = BaseOAuth2(
            APP["client_id"],
            APP["client_secret"],
            METADATA["authorization_endpoint"],
            METADATA["token_endpoint"],
            METADATA["token_endpoint"],
            METADATA["revocation_endpoint"],
            token_endpoint_auth_method=method,
            revocation_endpoint_auth_method=method,
        )
        asyncio.run(whole(client))


@flow(NAME, "a wrong code is told as an error of the token endpoint")
def wrong():
    discovery = f"{ISSUER}/.well-known/openid-configuration"
    client = OpenID(APP["client_id"], APP["client_secret"], discovery)
    try:
        asyncio.run(client.get_access_token("nothing", REDIRECT_URI))
    except GetAccessTokenError as error:
        assert error.response.json()["error"] == "invalid_grant"
    else:
        raise AssertionError("a wrong code was taken")

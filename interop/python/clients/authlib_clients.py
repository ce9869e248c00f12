"""Authlib: its clients on requests and on httpx, and its judgement of the id_token."""

import asyncio
import warnings

import requests
from authlib.common.security import generate_token
from authlib.deprecate import AuthlibDeprecationWarning

# It would rather have a successor of httpx, and works with httpx.
warnings.simplefilter("ignore", AuthlibDeprecationWarning)

from authlib.integrations.httpx_client import AsyncOAuth2Client
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata
from authlib.oidc.core import CodeIDToken, UserInfo
from authlib.oidc.discovery import OpenIDProviderMetadata
from joserfc import jwt
from joserfc.jwk import KeySet

from house import ISSUER, METADATA, REDIRECT_URI, SCOPE, SCOPES, WORLD, Browser, flow, parameters, v1

NAME = "Authlib"
KINDS = [
    ("client_secret_basic", WORLD["confidential"], "RS256"),
    ("client_secret_post", WORLD["confidential"], "RS256"),
    ("none", WORLD["public"], "RS256"),
    ("client_secret_basic", WORLD["es256"], "ES256"),
]


def settings(app, method):
    return {
        "client_id": app["client_id"],
        "client_secret": app.get("client_secret"),
        "token_endpoint_auth_method": method,
        "revocation_endpoint_auth_method": method,
        "scope": SCOPE,
        "redirect_uri": REDIRECT_URI,
        "code_challenge_method": "S256",
        "token_endpoint": METADATA["token_endpoint"],
    }


def believe(tokens, app, alg, nonce):
    """The id_token as Authlib reads it."""
    keys = KeySet.import_key_set(requests.get(METADATA["jwks_uri"], timeout=30).json())
    decoded = jwt.decode(tokens["id_token"], keys, algorithms=[alg])
    params = {"nonce": nonce, "client_id": app["client_id"], "access_token": tokens["access_token"], "max_age": 600}
    options = {
        "iss": {"essential": True, "value": ISSUER},
        "aud": {"essential": True, "value": app["client_id"]},
        "nonce": {"essential": True, "value": nonce},
    }
    claims = CodeIDToken(decoded.claims, decoded.header, options, params)
    claims.validate()
    return claims


for method, app, alg in KINDS:

    @flow(NAME, f"requests: code with PKCE, id_token, userinfo, refresh, v1, revocation ({method}, {alg})")
    def on_requests(method=method, app=app, alg=alg):
        session = OAuth2Session(**settings(app, method))
        verifier, nonce = generate_token(48), generate_token()
        url, state = session.create_authorization_url(
            METADATA["authorization_endpoint"], code_verifier=verifier, nonce=nonce
        )
        back = Browser().visit(url)
        assert parameters(back)["iss"] == ISSUER
        tokens = session.fetch_token(authorization_response=back, state=state, code_verifier=verifier)
        assert sorted(tokens["scope"].split()) == sorted(SCOPES)
        claims = believe(tokens, app, alg, nonce)
        about = UserInfo(session.get(METADATA["userinfo_endpoint"]).json())
        assert (about.sub, about.preferred_username) == (claims["sub"], WORLD["username"])
        assert session.get(f"{ISSUER}/v1/user/info").json()["data"]["username"] == WORLD["username"]
        fresh = session.refresh_token()
        assert fresh["refresh_token"] != tokens["refresh_token"]
        v1(fresh["access_token"])
        if app.get("client_secret"):
            known = session.introspect_token(METADATA["introspection_endpoint"], token=fresh["access_token"]).json()
            assert known["active"] and known["client_id"] == app["client_id"]
        # What is expired is refreshed without being asked for.
        session.token = {**fresh, "expires_at": 1}
        assert session.get(f"{ISSUER}/v1/user/info").status_code == 200
        ended = session.revoke_token(METADATA["revocation_endpoint"], token=session.token["refresh_token"])
        assert ended.status_code == 200, ended.text
        v1(session.token["access_token"], 401)


for method, app, _ in KINDS[:3]:

    @flow(NAME, f"httpx: code with PKCE, refresh, v1, revocation ({method})")
    def on_httpx(method=method, app=app):
        async def whole():
            async with AsyncOAuth2Client(**settings(app, method)) as client:
                verifier = generate_token(48)
                url, state = client.create_authorization_url(
                    METADATA["authorization_endpoint"], code_verifier=verifier
                )
                back = Browser().visit(url)
                await client.fetch_token(authorization_response=back, state=state, code_verifier=verifier)
                tokens = await client.refresh_token()
                assert (await client.get(f"{ISSUER}/v1/user/info")).status_code == 200
                await client.revoke_token(METADATA["revocation_endpoint"], token=tokens["refresh_token"])
                v1(tokens["access_token"], 401)

        asyncio.run(whole())


@flow(NAME, "device")
def device():
    app = WORLD["public"]
    session = OAuth2Session(**settings(app, "none"))
    request = {"client_id": app["client_id"], "scope": SCOPE}
    asked = requests.post(METADATA["device_authorization_endpoint"], data=request, timeout=30).json()
    Browser().visit(asked["verification_uri_complete"])
    grant = "urn:ietf:params:oauth:grant-type:device_code"
    tokens = session.fetch_token(grant_type=grant, device_code=asked["device_code"])
    v1(tokens["access_token"])


@flow(NAME, "the metadata hold, but for the https that a test does without")
def metadata():
    for model in (AuthorizationServerMetadata, OpenIDProviderMetadata):
        secure = {
            name: value.replace("http://", "https://", 1) if isinstance(value, str) else value
            for name, value in METADATA.items()
        }
        model(secure).validate()

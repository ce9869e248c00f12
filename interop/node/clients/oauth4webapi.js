// oauth4webapi: every request and answer by itself, checked to the letter.
import assert from "node:assert/strict";
import * as oauth from "oauth4webapi";
import { Browser, flow, issuer, redirectUri, scope, scopes, sorted, v1, world } from "../house.js";

const NAME = "oauth4webapi";
const insecure = { [oauth.allowInsecureRequests]: true };

async function discover(algorithm) {
  const url = new URL(issuer);
  return oauth.processDiscoveryResponse(url, await oauth.discoveryRequest(url, { algorithm, ...insecure }));
}

async function authorize(as, client, pushedBy) {
  const verifier = oauth.generateRandomCodeVerifier();
  const [state, nonce] = [oauth.generateRandomState(), oauth.generateRandomNonce()];
  const url = new URL(as.authorization_endpoint);
  const parameters = new URLSearchParams({
    client_id: client.client_id,
    redirect_uri: redirectUri,
    response_type: "code",
    scope,
    state,
    nonce,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
  });
  if (pushedBy) {
    const answer = await oauth.pushedAuthorizationRequest(as, client, pushedBy, parameters, insecure);
    const pushed = await oauth.processPushedAuthorizationResponse(as, client, answer);
    url.search = new URLSearchParams({ client_id: client.client_id, request_uri: pushed.request_uri });
  } else {
    url.search = parameters;
  }
  const back = await new Browser().visit(url);
  return { callback: oauth.validateAuthResponse(as, client, back, state), verifier, nonce };
}

async function whole(app, authentication, { algorithm, alg, pushed } = {}) {
  const as = await discover(algorithm);
  const client = { client_id: app.client_id, ...(alg && { id_token_signed_response_alg: alg }) };
  const { callback, verifier, nonce } = await authorize(as, client, pushed && authentication);
  const answer = await oauth.authorizationCodeGrantRequest(
    as, client, authentication, callback, redirectUri, verifier, insecure,
  );
  const tokens = await oauth.processAuthorizationCodeResponse(as, client, answer, {
    expectedNonce: nonce,
    requireIdToken: true,
  });
  const { sub } = oauth.getValidatedIdTokenClaims(tokens);
  await oauth.validateApplicationLevelSignature(as, answer, insecure);

  const info = await oauth.userInfoRequest(as, client, tokens.access_token, insecure);
  const about = await oauth.processUserInfoResponse(as, client, sub, info);
  assert.equal(about.preferred_username, world.username);
  const resource = new URL(`${issuer}/v1/user/info`);
  const called = await oauth.protectedResourceRequest(
    tokens.access_token, "GET", resource, undefined, undefined, insecure,
  );
  assert.equal((await called.json()).data.username, world.username);

  const again = await oauth.refreshTokenGrantRequest(as, client, authentication, tokens.refresh_token, insecure);
  const fresh = await oauth.processRefreshTokenResponse(as, client, again);
  assert.equal(oauth.getValidatedIdTokenClaims(fresh).sub, sub);
  await v1(fresh.access_token);

  if (app.client_secret) {
    const asked = await oauth.introspectionRequest(as, client, authentication, fresh.access_token, insecure);
    const known = await oauth.processIntrospectionResponse(as, client, asked);
    assert.deepEqual([known.active, known.sub, sorted(known.scope)], [true, sub, sorted(scopes)]);
  }

  await revoke(as, client, authentication, fresh);
}

async function revoke(as, client, authentication, tokens) {
  const ended = await oauth.revocationRequest(as, client, authentication, tokens.refresh_token, insecure);
  await oauth.processRevocationResponse(ended);
  await v1(tokens.access_token, 401);
}

const flows = "code, refresh, userinfo, v1, introspection, revocation";
const { confidential, es256 } = world;
await flow(NAME, `${flows} (client_secret_basic)`, () =>
  whole(confidential, oauth.ClientSecretBasic(confidential.client_secret)));
await flow(NAME, `${flows} (client_secret_post, metadata of RFC 8414)`, () =>
  whole(confidential, oauth.ClientSecretPost(confidential.client_secret), { algorithm: "oauth2" }));
await flow(NAME, "code, refresh, userinfo, v1, revocation (public)", () => whole(world.public, oauth.None()));
await flow(NAME, `${flows} (id_token by ES256)`, () =>
  whole(es256, oauth.ClientSecretBasic(es256.client_secret), { alg: "ES256" }));
await flow(NAME, `pushed authorization request, ${flows}`, () =>
  whole(confidential, oauth.ClientSecretBasic(confidential.client_secret), { pushed: true }));

await flow(NAME, "device", async () => {
  const as = await discover();
  const client = { client_id: world.public.client_id };
  const authentication = oauth.None();
  const request = await oauth.deviceAuthorizationRequest(as, client, authentication, { scope }, insecure);
  const asked = await oauth.processDeviceAuthorizationResponse(as, client, request);
  const poll = async () => oauth.processDeviceCodeResponse(
    as, client, await oauth.deviceCodeGrantRequest(as, client, authentication, asked.device_code, insecure),
  );
  await assert.rejects(poll(), (error) => error.error === "authorization_pending");
  await new Browser().visit(asked.verification_uri_complete);
  const tokens = await poll();
  assert.equal(oauth.getValidatedIdTokenClaims(tokens).aud, client.client_id);
  await v1(tokens.access_token);
  await revoke(as, client, authentication, tokens);
});

await flow(NAME, "metadata of the protected resource (RFC 9728)", async () => {
  const resource = new URL(`${issuer}/v1`);
  const answer = await oauth.resourceDiscoveryRequest(resource, insecure);
  const about = await oauth.processResourceDiscoveryResponse(resource, answer);
  assert.deepEqual(about.authorization_servers, [issuer]);
});

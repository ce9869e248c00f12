// openid-client: OpenID Connect by discovery, confidential and public, RS256 and ES256, PAR, device.
import assert from "node:assert/strict";
import * as client from "openid-client";
import { Browser, flow, issuer, redirectUri, scope, sorted, v1, world } from "../house.js";

const NAME = "openid-client";

async function configure(app, authentication, metadata = {}) {
  return client.discovery(
    new URL(issuer),
    app.client_id,
    { client_secret: app.client_secret ?? undefined, ...metadata },
    authentication,
    { execute: [client.allowInsecureRequests] },
  );
}

async function signIn(config, browser, { pushed = false, extra = {}, checks = {} } = {}) {
  const pkceCodeVerifier = client.randomPKCECodeVerifier();
  const [expectedState, expectedNonce] = [client.randomState(), client.randomNonce()];
  const parameters = {
    redirect_uri: redirectUri,
    scope,
    state: expectedState,
    nonce: expectedNonce,
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: "S256",
    ...extra,
  };
  const url = pushed
    ? await client.buildAuthorizationUrlWithPAR(config, parameters)
    : client.buildAuthorizationUrl(config, parameters);
  const back = await browser.visit(url);
  return client.authorizationCodeGrant(config, back, {
    pkceCodeVerifier,
    expectedState,
    expectedNonce,
    idTokenExpected: true,
    ...checks,
  });
}

async function whole(config, options) {
  // Signatures too, not only what TLS makes good in real life.
  client.enableNonRepudiationChecks(config);
  const tokens = await signIn(config, new Browser(), options);
  assert.deepEqual(sorted(tokens.scope), sorted(scope));
  const { sub } = tokens.claims();
  const about = await client.fetchUserInfo(config, tokens.access_token, sub);
  assert.equal(about.preferred_username, world.username);
  assert.equal(about.email, world.email);
  const resource = new URL(`${issuer}/v1/user/info`);
  const called = await client.fetchProtectedResource(config, tokens.access_token, resource, "GET");
  assert.equal((await called.json()).data.username, world.username);

  const fresh = await client.refreshTokenGrant(config, tokens.refresh_token);
  assert.equal(fresh.claims().sub, sub);
  assert.notEqual(fresh.refresh_token, tokens.refresh_token);
  await v1(fresh.access_token);
  const narrow = await client.refreshTokenGrant(config, fresh.refresh_token, { scope: "user.read" });
  assert.equal(narrow.scope, "user.read");
  return narrow;
}

async function revoke(config, tokens) {
  await client.tokenRevocation(config, tokens.refresh_token);
  await v1(tokens.access_token, 401);
}

for (const [how, authentication] of [
  ["client_secret_basic", client.ClientSecretBasic],
  ["client_secret_post", client.ClientSecretPost],
]) {
  await flow(NAME, `code, refresh, userinfo, v1, introspection, revocation (${how})`, async () => {
    const app = world.confidential;
    const config = await configure(app, authentication(app.client_secret));
    const tokens = await whole(config);
    const known = await client.tokenIntrospection(config, tokens.access_token);
    assert.deepEqual([known.active, known.client_id, known.scope], [true, app.client_id, "user.read"]);
    await revoke(config, tokens);
    assert.equal((await client.tokenIntrospection(config, tokens.access_token)).active, false);
  });
}

await flow(NAME, "code, refresh, userinfo, v1, revocation (public)", async () => {
  const config = await configure(world.public, client.None());
  await revoke(config, await whole(config));
});

await flow(NAME, "code with an id_token by ES256", async () => {
  const metadata = { id_token_signed_response_alg: "ES256" };
  const config = await configure(world.es256, undefined, metadata);
  await revoke(config, await whole(config));
});

await flow(NAME, "pushed authorization request", async () => {
  const config = await configure(world.confidential);
  await revoke(config, await whole(config, { pushed: true }));
});

await flow(NAME, "max_age and prompt=login, auth_time checked; then prompt=none", async () => {
  const config = await configure(world.confidential);
  const browser = new Browser();
  await signIn(config, browser, { extra: { max_age: "60", prompt: "login" }, checks: { maxAge: 60 } });
  const tokens = await signIn(config, browser, { extra: { prompt: "none", max_age: "60" }, checks: { maxAge: 60 } });
  await revoke(config, tokens);
});

await flow(NAME, "a refusal comes back as access_denied, with state and iss", async () => {
  const config = await configure(world.confidential);
  const pkceCodeVerifier = client.randomPKCECodeVerifier();
  const code_challenge = await client.calculatePKCECodeChallenge(pkceCodeVerifier);
  const state = client.randomState();
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: redirectUri, scope, state, code_challenge, code_challenge_method: "S256",
  });
  const back = await new Browser().visit(url, "deny");
  const refused = client.authorizationCodeGrant(config, back, { pkceCodeVerifier, expectedState: state });
  await assert.rejects(refused, (error) => error.error === "access_denied");
});

await flow(NAME, "device", async () => {
  const config = await configure(world.public, client.None());
  const asked = await client.initiateDeviceAuthorization(config, { scope });
  // The person is slower than the device: it hears authorization_pending first.
  const [tokens] = await Promise.all([
    client.pollDeviceAuthorizationGrant(config, { ...asked, interval: 1 }),
    new Promise((done) => setTimeout(done, 1200)).then(() => new Browser().visit(asked.verification_uri_complete)),
  ]);
  assert.equal(tokens.claims().aud, world.public.client_id);
  await v1(tokens.access_token);
  await revoke(config, tokens);
});

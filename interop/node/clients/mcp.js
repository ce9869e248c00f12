// @modelcontextprotocol/sdk: the client's authorization, which starts from the API's address and finds the rest.
import assert from "node:assert/strict";
import { auth, extractWWWAuthenticateParams } from "@modelcontextprotocol/sdk/client/auth.js";
import { Browser, flow, issuer, redirectUri, v1, world } from "../house.js";

const NAME = "@modelcontextprotocol/sdk";
const serverUrl = `${issuer}/v1`;

function provider(app, method) {
  const kept = {};
  return {
    kept,
    redirectUrl: redirectUri,
    clientMetadata: {
      client_name: "Interop",
      redirect_uris: [redirectUri],
      token_endpoint_auth_method: method,
      grant_types: ["authorization_code", "refresh_token"],
      response_types: ["code"],
    },
    state: () => "of-this-client",
    clientInformation: () => ({ ...app, token_endpoint_auth_method: method }),
    tokens: () => kept.tokens,
    saveTokens: (tokens) => { kept.tokens = tokens; },
    redirectToAuthorization: (url) => { kept.url = url; },
    saveCodeVerifier: (verifier) => { kept.verifier = verifier; },
    codeVerifier: () => kept.verifier,
  };
}

for (const [method, app] of [
  ["client_secret_basic", world.confidential],
  ["client_secret_post", world.confidential],
  ["none", world.public],
]) {
  await flow(NAME, `from a 401 of v1 to tokens, refresh (${method})`, async () => {
    const refused = await fetch(`${serverUrl}/user/info`);
    assert.equal(refused.status, 401);
    const { resourceMetadataUrl, scope } = extractWWWAuthenticateParams(refused);
    const { client_id } = app;
    const client_secret = app.client_secret ?? undefined;
    const client = provider({ client_id, client_secret }, method);
    const options = { serverUrl, resourceMetadataUrl, scope };
    assert.equal(await auth(client, options), "REDIRECT");
    assert.equal(client.kept.url.searchParams.get("resource"), serverUrl);
    const back = await new Browser().visit(client.kept.url);
    assert.equal(back.searchParams.get("state"), "of-this-client");
    const authorizationCode = back.searchParams.get("code");
    assert.equal(await auth(client, { ...options, authorizationCode }), "AUTHORIZED");
    const first = client.kept.tokens;
    await v1(first.access_token);
    // With a refresh token at hand it refreshes.
    assert.equal(await auth(client, options), "AUTHORIZED");
    assert.notEqual(client.kept.tokens.access_token, first.access_token);
    await v1(client.kept.tokens.access_token);
  });
}

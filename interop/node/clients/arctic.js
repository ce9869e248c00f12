// arctic: the generic client, confidential and public.
import assert from "node:assert/strict";
import * as arctic from "arctic";
import { Browser, flow, metadata, redirectUri, scopes, sorted, v1, world } from "../house.js";

const NAME = "arctic";

for (const [kind, app] of [["confidential", world.confidential], ["public", world.public]]) {
  await flow(NAME, `code with PKCE, id_token, refresh, v1, revocation (${kind})`, async () => {
    const client = new arctic.OAuth2Client(app.client_id, app.client_secret ?? null, redirectUri);
    const state = arctic.generateState();
    const verifier = arctic.generateCodeVerifier();
    const url = client.createAuthorizationURLWithPKCE(
      metadata.authorization_endpoint, state, arctic.CodeChallengeMethod.S256, verifier, scopes,
    );
    const back = await new Browser().visit(url);
    assert.equal(back.searchParams.get("state"), state);
    const code = back.searchParams.get("code");
    const tokens = await client.validateAuthorizationCode(metadata.token_endpoint, code, verifier);
    assert.deepEqual(sorted(tokens.scopes()), sorted(scopes));
    assert.equal(arctic.decodeIdToken(tokens.idToken()).aud, app.client_id);
    assert.ok(tokens.accessTokenExpiresAt() > new Date());
    await v1(tokens.accessToken());
    const fresh = await client.refreshAccessToken(metadata.token_endpoint, tokens.refreshToken(), scopes);
    await v1(fresh.accessToken());
    await client.revokeToken(metadata.revocation_endpoint, fresh.refreshToken());
    await v1(fresh.accessToken(), 401);
  });
}

await flow(NAME, "an error of the token endpoint is read as OAuth's", async () => {
  const { client_id, client_secret } = world.confidential;
  const client = new arctic.OAuth2Client(client_id, client_secret, redirectUri);
  const wrong = client.validateAuthorizationCode(metadata.token_endpoint, "nothing", arctic.generateCodeVerifier());
  await assert.rejects(wrong, (error) => error instanceof arctic.OAuth2RequestError && error.code === "invalid_grant");
});

// simple-oauth2: plain OAuth by paths, with a secret in the header or in the body.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { AuthorizationCode } from "simple-oauth2";
import { Browser, flow, issuer, redirectUri, scope, v1, world } from "../house.js";

const NAME = "simple-oauth2";

for (const authorizationMethod of ["header", "body"]) {
  for (const bodyFormat of ["form", "json"]) {
    await flow(NAME, `code with PKCE, refresh, v1, revocation (secret in the ${authorizationMethod}, ${bodyFormat})`, async () => {
      const app = world.confidential;
      const client = new AuthorizationCode({
        client: { id: app.client_id, secret: app.client_secret },
        auth: { tokenHost: issuer },
        options: { authorizationMethod, bodyFormat },
      });
      const state = randomBytes(16).toString("base64url");
      const code_verifier = randomBytes(32).toString("base64url");
      const code_challenge = createHash("sha256").update(code_verifier).digest("base64url");
      const back = await new Browser().visit(client.authorizeURL({
        redirect_uri: redirectUri, scope, state, code_challenge, code_challenge_method: "S256",
      }));
      assert.equal(back.searchParams.get("state"), state);
      const code = back.searchParams.get("code");
      const first = await client.getToken({ code, redirect_uri: redirectUri, code_verifier });
      assert.equal(first.expired(), false);
      await v1(first.token.access_token);
      const second = await first.refresh();
      assert.notEqual(second.token.access_token, first.token.access_token);
      await v1(second.token.access_token);
      await second.revokeAll();
      await v1(second.token.access_token, 401);
    });
  }
}

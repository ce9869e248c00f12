// @badgateway/oauth2-client: by discovery, with its three ways of authentication, and its fetch wrapper.
import assert from "node:assert/strict";
import { OAuth2Client, OAuth2Fetch, generateCodeVerifier } from "@badgateway/oauth2-client";
import { Browser, flow, issuer, redirectUri, scopes, v1, world } from "../house.js";

const NAME = "@badgateway/oauth2-client";
const { confidential } = world;

for (const [how, app, authenticationMethod] of [
  ["client_secret_basic", confidential, "client_secret_basic"],
  ["client_secret_basic_interop", confidential, "client_secret_basic_interop"],
  ["client_secret_post", confidential, "client_secret_post"],
  ["its own choice", confidential, undefined],
  ["public", world.public, undefined],
]) {
  const asks = Boolean(app.client_secret);
  await flow(NAME, `code with PKCE, refresh, v1, ${asks ? "introspection, " : ""}revocation (${how})`, async () => {
    const client = new OAuth2Client({
      server: `${issuer}/`,
      clientId: app.client_id,
      clientSecret: app.client_secret ?? undefined,
      ...(authenticationMethod && { authenticationMethod }),
    });
    const codeVerifier = await generateCodeVerifier();
    const state = "of-this-tab";
    const url = await client.authorizationCode.getAuthorizeUri({
      redirectUri, state, codeVerifier, scope: scopes, resource: `${issuer}/v1`,
    });
    const back = await new Browser().visit(url);
    let token = await client.authorizationCode.getTokenFromCodeRedirect(back, { redirectUri, state, codeVerifier });
    await v1(token.accessToken);
    token = await client.refreshToken(token);
    if (asks) {
      const known = await client.introspect(token);
      assert.deepEqual([known.active, known.client_id], [true, app.client_id]);
    }
    const wrapper = new OAuth2Fetch({ client, getNewToken: () => token, scheduleRefresh: false });
    const called = await wrapper.fetch(`${issuer}/v1/user/info`);
    assert.equal((await called.json()).data.username, world.username);
    await client.revoke(token, "refresh_token");
    await v1(token.accessToken, 401);
  });
}

// The two servers that are asked the same, and the honest ways to get from each what a request needs: a code, tokens, a
// device's code. Owns no question and no comparison.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { Browser, issuer, redirectUri, scope, world } from "../house.js";

export const VERIFIER = "a-verifier-of-at-least-forty-three-characters";
export const CHALLENGE = createHash("sha256").update(VERIFIER).digest("base64url");
/** What a request to /oauth/authorize usually says. */
export const usual = (app, more = {}) => ({
  client_id: app.client_id, redirect_uri: redirectUri, response_type: "code", scope, state: "s", ...more,
});
export const pkce = { code_challenge: CHALLENGE, code_challenge_method: "S256" };
/** A client's proof in the body. */
export const proof = (app) => ({
  client_id: app.client_id, ...(app.client_secret && { client_secret: app.client_secret }),
});
export const basic = (id, secret) => `Basic ${Buffer.from(`${id}:${secret}`).toString("base64")}`;

class Side {
  constructor(name, issuer) {
    this.name = name;
    this.issuer = issuer;
    this.resource = `${issuer}/v1`;
  }

  async post(path, form) {
    const answer = await fetch(this.issuer + path, { method: "POST", body: new URLSearchParams(form) });
    return answer.json();
  }

  /** A code that the person consented to. */
  async code(app, more = {}) {
    const back = await this.visit(`${this.issuer}/oauth/authorize?${new URLSearchParams(usual(app, more))}`);
    return back.searchParams.get("code");
  }

  /** Tokens by the code flow. */
  async tokens(app, more = {}) {
    const code = await this.code(app, app.client_secret ? more : { ...pkce, ...more });
    const form = { grant_type: "authorization_code", code, redirect_uri: redirectUri, ...proof(app) };
    const tokens = await this.post("/oauth/token", app.client_secret ? form : { ...form, code_verifier: VERIFIER });
    assert.ok(tokens.access_token, `${this.name}: ${JSON.stringify(tokens)}`);
    return tokens;
  }

  /** A device that waits for the person. */
  async device(app, more = {}) {
    const asked = await this.post("/oauth/device-code", { scope: "user.read", ...proof(app), ...more });
    assert.ok(asked.device_code, `${this.name}: ${JSON.stringify(asked)}`);
    return asked;
  }
}

/** The started Pantry. */
export class Ours extends Side {
  constructor() {
    super("pantry", issuer);
  }

  /** Where the app is called back after the person answered. */
  visit(address, decision = "allow") {
    return new Browser().visit(address, decision);
  }

  /** A browser that is signed in, and consented to an app. */
  async browser(app) {
    const browser = new Browser();
    await browser.visit(`${this.issuer}/oauth/authorize?${new URLSearchParams(usual(app))}`);
    return browser;
  }

  async answerDevice(asked, decision) {
    await new Browser().visit(asked.verification_uri_complete, decision);
  }
}

/** npm oidc-provider. */
export class Theirs extends Side {
  constructor(issuer) {
    super("oidc-provider", issuer);
  }

  async visit(address, decision = "allow", browser = new Browser()) {
    let url = new URL(address);
    for (let step = 0; step < 8; step += 1) {
      const answer = await browser.fetch(url, { headers: { "x-decision": decision } });
      if (answer.status !== 303) throw new Error(`${url} answered ${answer.status}: ${await answer.text()}`);
      url = new URL(answer.headers.get("location"), url);
      if (url.href.startsWith(redirectUri)) return url;
    }
    throw new Error(`The pages do not come to an end, at ${url}`);
  }

  async browser(app) {
    const browser = new Browser();
    await this.visit(`${this.issuer}/oauth/authorize?${new URLSearchParams(usual(app))}`, "allow", browser);
    return browser;
  }

  async answerDevice(asked, decision) {
    const browser = new Browser();
    const page = async (answer) => /name="xsrf" value="(\w+)"/.exec(await (await answer).text())[1];
    const post = (form) =>
      browser.fetch(asked.verification_uri, { method: "POST", body: new URLSearchParams(form) });
    const xsrf = await page(browser.fetch(asked.verification_uri));
    await page(post({ xsrf, user_code: asked.user_code }));
    const last = decision === "allow" ? { confirm: "yes" } : { abort: "yes" };
    let answer = await post({ xsrf, user_code: asked.user_code, ...last });
    for (let url = asked.verification_uri; answer.status === 303; ) {
      url = new URL(answer.headers.get("location"), url);
      answer = await browser.fetch(url);
    }
  }
}

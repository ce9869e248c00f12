// What both servers are asked: malformed and unusual requests, and the usual ones beside them, each with a name. A request is
// made for one side, since codes and tokens are that side's own. Owns no answer.
import { redirectUri, scope, world } from "../house.js";
import { VERIFIER, basic, pkce, proof, usual } from "./sides.js";

const { confidential, es256, public: open } = world;
const FORM = "application/x-www-form-urlencoded";
const ORIGIN = { origin: "https://spa.example.com" };
const PREFLIGHT = {
  ...ORIGIN, "access-control-request-method": "POST", "access-control-request-headers": "content-type",
};
const DEVICE = "urn:ietf:params:oauth:grant-type:device_code";

/** Every request, in order: `{ group, name, make: async (side) => ({ method, path, headers, body, browser }) }`. */
export const requests = [];
let group = "";
const add = (name, make) => requests.push({ group, name, make });
const as = (method, path, headers = {}) => async () => ({ method, path, headers });

/** The parameters that are left once those without a value are taken out. */
const written = (form) => new URLSearchParams(Object.entries(form).filter(([, value]) => value !== undefined)).toString();

group = "Metadata and keys";
const METADATA = "/.well-known/openid-configuration";
for (const [what, path] of [["metadata", METADATA], ["keys", "/oauth/jwks"]]) {
  add(`${what}`, as("GET", path));
  add(`${what}, HEAD`, as("HEAD", path));
  add(`${what}, POST`, as("POST", path));
  add(`${what}, DELETE`, as("DELETE", path));
  add(`${what}, asked by a browser's script`, as("GET", path, ORIGIN));
  add(`${what}, asked beforehand by a browser`, as("OPTIONS", path, { ...PREFLIGHT, "access-control-request-method": "GET" }));
  add(`${what}, with a query`, as("GET", `${path}?a=b`));
}
add("metadata of RFC 8414", as("GET", "/.well-known/oauth-authorization-server"));
add("metadata that there is not", as("GET", "/.well-known/openid-credential-issuer"));
add("an address that there is not", as("GET", "/oauth/nothing"));

group = "Authorization";
const AUTHORIZE = "/oauth/authorize";
function authorize(name, change = {}, { method = "GET", more = "", headers = {}, browser, app = confidential } = {}) {
  add(name, async (side) => {
    const changes = typeof change === "function" ? await change(side) : change;
    const query = written(usual(app, { ...(app.client_secret ? {} : pkce), ...changes })) + more;
    const body = method === "POST" ? { body: query, headers: { "content-type": FORM, ...headers } } : { headers };
    const path = method === "POST" ? AUTHORIZE : `${AUTHORIZE}?${query}`;
    return { method, path, ...body, browser: browser && (await browser(side)) };
  });
}
authorize("usual");
authorize("usual, of a public client", {}, { app: open });
authorize("by POST", {}, { method: "POST" });
authorize("by HEAD", {}, { method: "HEAD" });
authorize("by PUT", {}, { method: "PUT" });
authorize("by DELETE", {}, { method: "DELETE" });
authorize("by a browser's script", {}, { headers: ORIGIN });
authorize("asked beforehand by a browser", {}, { method: "OPTIONS", headers: PREFLIGHT });
add("without parameters", as("GET", AUTHORIZE));
authorize("without client_id", { client_id: undefined });
authorize("client_id empty", { client_id: "" });
authorize("client_id unknown", { client_id: "9999999999" });
authorize("client_id no number", { client_id: "<script>" });
authorize("client_id twice", {}, { more: `&client_id=${confidential.client_id}` });
authorize("without redirect_uri, where one is registered", { redirect_uri: undefined });
authorize("redirect_uri empty", { redirect_uri: "" });
authorize("redirect_uri twice", {}, { more: `&redirect_uri=${encodeURIComponent(redirectUri)}` });
for (const [what, uri] of [
  ["of another site", "https://evil.example/callback"],
  ["with a slash at its end", `${redirectUri}/`],
  ["with a query", `${redirectUri}?a=b`],
  ["with a fragment", `${redirectUri}#a`],
  ["with a name before the host", redirectUri.replace("127.0.0.1", "a@127.0.0.1")],
  ["with the scheme in capitals", redirectUri.replace("http", "HTTP")],
  ["with dots in its path", redirectUri.replace("/callback", "/a/../callback")],
  ["with a space at its end", `${redirectUri} `],
  ["with localhost for the address", redirectUri.replace("127.0.0.1", "localhost")],
  ["relative", "/callback"],
  ["a script", "javascript:alert(1)"],
]) {
  authorize(`redirect_uri ${what}`, { redirect_uri: uri });
}
authorize("redirect_uri with another port, of a public client", { redirect_uri: redirectUri.replace(":9", ":4711") }, { app: open });
authorize("without response_type", { response_type: undefined });
for (const type of ["token", "id_token", "none", "code id_token", "code token", "device_code", "CODE"]) {
  authorize(`response_type ${type}`, { response_type: type, nonce: "n" });
}
authorize("response_type twice", {}, { more: "&response_type=code" });
for (const mode of ["query", "fragment", "form_post", "nothing"]) authorize(`response_mode ${mode}`, { response_mode: mode });
authorize("without scope", { scope: undefined });
authorize("scope empty", { scope: "" });
authorize("scope unknown", { scope: "nothing" });
authorize("scope unknown beside a known one", { scope: "user.read nothing" });
authorize("scope not granted to the app", { scope: "files.write_all" });
authorize("scope twice", {}, { more: "&scope=user.read" });
authorize("scope with a quotation mark", { scope: 'user.read "' });
authorize("scope offline_access", { scope: "openid offline_access" });
authorize("without state", { state: undefined });
authorize("state twice, beside a wrong response_type", { response_type: "nothing" }, { more: "&state=t" });
authorize("state of odd characters, beside a wrong response_type", { response_type: "nothing", state: "a b+c&d=é%<>\"'#" });
authorize("state of 4 KiB, beside a wrong response_type", { response_type: "nothing", state: "s".repeat(4096) });
for (const prompt of ["none", "login", "consent", "select_account", "login consent", "none login", "create", "nothing"]) {
  authorize(`prompt=${prompt}, nobody signed in`, { prompt });
}
authorize("prompt twice", { prompt: "login" }, { more: "&prompt=none" });
const signedIn = { browser: (side) => side.browser(confidential) };
authorize("prompt=none, consented to", { prompt: "none" }, signedIn);
authorize("prompt=none, another app", { prompt: "none", client_id: es256.client_id }, signedIn);
authorize("prompt=none, max_age=0", { prompt: "none", max_age: "0" }, signedIn);
authorize("prompt=none, id_token_hint that is none", { prompt: "none", id_token_hint: "x.y.z" }, signedIn);
authorize("prompt=none, id_token_hint of the person", async (side) => ({
  prompt: "none", id_token_hint: (await side.tokens(confidential)).id_token,
}), signedIn);
authorize("prompt=none, of a public client", { prompt: "none" }, { app: open, browser: (side) => side.browser(open) });
authorize("prompt=login, signed in", { prompt: "login" }, signedIn);
authorize("prompt=select_account, signed in", { prompt: "select_account" }, signedIn);
for (const age of ["-1", "x", "1.5", "0"]) authorize(`max_age=${age}`, { max_age: age });
authorize("nonce of 2 KiB", { nonce: "n".repeat(2048) });
authorize("nonce twice", { nonce: "n" }, { more: "&nonce=m" });
authorize("public client without PKCE", { code_challenge: undefined, code_challenge_method: undefined }, { app: open });
authorize("PKCE plain", { code_challenge: VERIFIER, code_challenge_method: "plain" });
authorize("PKCE without a method", { code_challenge: pkce.code_challenge });
authorize("PKCE without a challenge", { code_challenge_method: "S256" });
authorize("PKCE with an unknown method", { ...pkce, code_challenge_method: "S512" });
authorize("PKCE with a short challenge", { ...pkce, code_challenge: "short" });
authorize("PKCE with a long challenge", { ...pkce, code_challenge: "c".repeat(129) });
authorize("PKCE with odd characters", { ...pkce, code_challenge: "é".repeat(43) });
authorize("code_challenge twice", pkce, { more: `&code_challenge=${pkce.code_challenge}` });
authorize("request", { request: "eyJhbGciOiJub25lIn0.e30." });
authorize("request_uri elsewhere", { request_uri: "https://app.example.com/request" });
authorize("request_uri of no push", { request_uri: "urn:ietf:params:oauth:request_uri:nothing" });
authorize("registration", { registration: "{}" });
authorize("claims", { claims: "{}" });
authorize("id_token_hint that is none", { id_token_hint: "x.y.z" });
authorize("login_hint, ui_locales, display, acr_values", { login_hint: "ada", ui_locales: "fr zh-CN", display: "popup", acr_values: "1" });
authorize("an unknown parameter", { unknown: "x" });
authorize("resource, its own", (side) => ({ resource: side.resource }));
authorize("resource elsewhere", { resource: "https://evil.example/" });
authorize("resource that is no address", { resource: "v1" });
authorize("resource with a fragment", (side) => ({ resource: `${side.resource}#a` }));
authorize("client_secret in the address", { client_secret: confidential.client_secret });
authorize("a broken percent sign", {}, { more: "&unknown=%zz" });
authorize("a name that is no UTF-8", {}, { more: "&%ff=x" });
authorize("refused by the person", {}, {});
requests.at(-1).make = async (side) => ({
  back: (await side.visit(`${side.issuer}${AUTHORIZE}?${written(usual(confidential))}`, "deny")).href,
});

/** A program's request: a form, in the body. */
function post(path) {
  return (name, form, { headers = {}, more = "", type = FORM, query = "", body, method = "POST" } = {}) =>
    add(name, async (side) => {
      const fields = typeof form === "function" ? await form(side) : form;
      const text = body ? body(fields) : written(fields) + more;
      const kind = type ? { "content-type": type } : {};
      return { method, path: path + query, headers: { ...kind, ...headers }, body: Buffer.from(text) };
    });
}
const bad = (app) => ({ ...proof(app), client_secret: "pantry_cs_wrong" });
const json = { type: "application/json", body: JSON.stringify };
const multipart = {
  type: "multipart/form-data; boundary=x",
  body: (form) =>
    Object.entries(form).map(([name, value]) => `--x\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`)
      .join("") + "--x--\r\n",
};

/** How a client may prove itself, rightly and wrongly, at an address that wants it proved. */
function proofs(ask, form) {
  const { client_id: id, client_secret: secret } = confidential;
  const header = (value) => ({ headers: { authorization: value } });
  ask("client missing", form);
  ask("client unknown", { ...form, client_id: "9999999999", client_secret: secret });
  ask("secret missing", { ...form, client_id: id });
  ask("secret empty", { ...form, client_id: id, client_secret: "" });
  ask("secret wrong, in the body", { ...form, ...bad(confidential) });
  ask("secret wrong, by Basic", form, header(basic(id, "pantry_cs_wrong")));
  ask("client unknown, by Basic", form, header(basic("9999999999", secret)));
  ask("secret empty, by Basic", form, header(basic(id, "")));
  ask("secret by Basic and in the body", { ...form, ...proof(confidential) }, header(basic(id, secret)));
  ask("another client_id than Basic's", { ...form, client_id: es256.client_id }, header(basic(id, secret)));
  ask("Basic that is no base64", form, header("Basic ***"));
  ask("Basic without a colon", form, header(`Basic ${Buffer.from(id).toString("base64")}`));
  ask("Basic with a broken percent sign", form, header(basic(id, "%zz")));
  ask("Bearer in the place of Basic", form, header("Bearer pantry_at_x"));
  ask("secret of a public client", { ...form, client_id: open.client_id, client_secret: secret });
  ask("client_id twice", { ...form, ...proof(confidential) }, { more: `&client_id=${id}` });
  ask("client_assertion", {
    ...form, client_id: id, client_assertion: "x.y.z",
    client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
  });
}

group = "Token";
const TOKEN = "/oauth/token";
const token = post(TOKEN);
const mine = proof(confidential);
add("by GET", as("GET", TOKEN));
add("by HEAD", as("HEAD", TOKEN));
add("by PUT", as("PUT", TOKEN));
add("by DELETE", as("DELETE", TOKEN));
add("asked beforehand by a browser", as("OPTIONS", TOKEN, PREFLIGHT));
add("OPTIONS that asks nothing", as("OPTIONS", TOKEN));
token("empty body", {});
token("body without a type", { ...mine, grant_type: "refresh_token", refresh_token: "x" }, { type: "" });
token("body as JSON", { ...mine, grant_type: "refresh_token", refresh_token: "x" }, json);
token("body as broken JSON", {}, { ...json, body: () => "{" });
token("body as multipart", { ...mine, grant_type: "refresh_token", refresh_token: "x" }, multipart);
token("body as plain text", { ...mine, grant_type: "refresh_token", refresh_token: "x" }, { type: "text/plain" });
token("body with a charset", { ...mine, grant_type: "refresh_token", refresh_token: "x" }, { type: `${FORM}; charset=utf-8` });
token("body of 2 MiB", { ...mine, grant_type: "refresh_token", refresh_token: "x".repeat(2 << 20) });
token("a broken percent sign", { ...mine, grant_type: "refresh_token" }, { more: "&refresh_token=%zz" });
token("a value that is no UTF-8", { ...mine, grant_type: "refresh_token" }, { more: "&refresh_token=%ff" });
token("by a browser's script, refused", { ...mine, grant_type: "refresh_token", refresh_token: "x" }, { headers: ORIGIN });
proofs(token, { grant_type: "refresh_token", refresh_token: "x" });
token("without grant_type", mine);
token("grant_type empty", { ...mine, grant_type: "" });
token("grant_type twice", { ...mine, grant_type: "refresh_token", refresh_token: "x" }, { more: "&grant_type=refresh_token" });
for (const grant of ["nothing", "password", "client_credentials", "implicit", "urn:ietf:params:oauth:grant-type:jwt-bearer"]) {
  token(`grant_type ${grant}`, { ...mine, grant_type: grant, username: "ada", password: "x", assertion: "x" });
}
const code = { ...mine, grant_type: "authorization_code", redirect_uri: redirectUri };
const coded = (app, more = {}, at = {}) => async (side) => ({
  ...code, ...proof(app), code: await side.code(app, at), ...more,
});
token("code", coded(confidential));
token("code with PKCE", coded(confidential, { code_verifier: VERIFIER }, pkce));
token("code, by Basic", async (side) => ({ ...(await coded(confidential)(side)), client_id: undefined, client_secret: undefined }),
  { headers: { authorization: basic(confidential.client_id, confidential.client_secret) } });
token("code of a public client", coded(open, { code_verifier: VERIFIER }, pkce));
token("code missing", code);
token("code that is none", { ...code, code: "x" });
token("code twice", { ...code, code: "x" }, { more: "&code=y" });
token("code in the address", code, { query: "?code=x" });
token("code of another client", async (side) => ({ ...code, code: await side.code(es256) }));
token("code used before", async (side) => {
  const form = await coded(confidential)(side);
  await side.post(TOKEN, form);
  return form;
});
token("code with a wrong redirect_uri", coded(confidential, { redirect_uri: `${redirectUri}/` }));
token("code without redirect_uri", coded(confidential, { redirect_uri: undefined }));
token("code with a wrong verifier", coded(confidential, { code_verifier: "w".repeat(43) }, pkce));
token("code without its verifier", coded(confidential, {}, pkce));
token("code with a verifier nobody asked for", coded(confidential, { code_verifier: VERIFIER }));
token("code with a short verifier", coded(confidential, { code_verifier: "short" }, pkce));
token("code with its challenge as verifier", coded(confidential, { code_verifier: pkce.code_challenge }, pkce));
token("code with resource", async (side) => ({ ...(await coded(confidential)(side)), resource: side.resource }));
token("code with resource elsewhere", coded(confidential, { resource: "https://evil.example/" }));
token("code with a scope", coded(confidential, { scope: "user.read" }));
token("client_secret in the address", coded(confidential, { client_secret: undefined }), { query: `?client_secret=${confidential.client_secret}` });
const refresh = { ...mine, grant_type: "refresh_token" };
const refreshed = (more = {}, app = confidential) => async (side) => ({
  ...refresh, refresh_token: (await side.tokens(app)).refresh_token, ...more,
});
token("refresh", refreshed());
token("refresh by a browser's script", refreshed(), { headers: ORIGIN });
token("refresh narrowed", refreshed({ scope: "user.read" }));
token("refresh widened", async (side) => ({
  ...refresh, refresh_token: (await side.tokens(confidential, { scope: "openid user.read" })).refresh_token, scope,
}));
token("refresh with an unknown scope", refreshed({ scope: "nothing" }));
token("refresh with resource elsewhere", refreshed({ resource: "https://evil.example/" }));
token("refresh token missing", refresh);
token("refresh token that is none", { ...refresh, refresh_token: "x" });
token("refresh token twice", { ...refresh, refresh_token: "x" }, { more: "&refresh_token=y" });
token("refresh token of another client", refreshed({}, es256));
token("access token as refresh token", async (side) => ({ ...refresh, refresh_token: (await side.tokens(confidential)).access_token }));
token("refresh token used twice before", async (side) => {
  const form = await refreshed()(side);
  const next = await side.post(TOKEN, form);
  await side.post(TOKEN, { ...form, refresh_token: next.refresh_token });
  return form;
});
const polled = (decision, more = {}) => async (side) => {
  const asked = await side.device(confidential);
  if (decision) await side.answerDevice(asked, decision);
  return { ...mine, grant_type: DEVICE, device_code: asked.device_code, ...more };
};
token("device, waiting", polled());
token("device, allowed", polled("allow"));
token("device, refused", polled("deny"));
token("device, fetched before", async (side) => {
  const form = await polled("allow")(side);
  await side.post(TOKEN, form);
  return form;
});
token("device, asked ten times at once", async (side) => {
  const form = await polled()(side);
  for (let time = 0; time < 10; time += 1) await side.post(TOKEN, form);
  return form;
});
token("device_code missing", { ...mine, grant_type: DEVICE });
token("device_code that is none", { ...mine, grant_type: DEVICE, device_code: "x" });
token("device_code of another client", polled(null, proof(es256)));

group = "Device";
const device = post("/oauth/device-code");
add("by GET", as("GET", "/oauth/device-code"));
add("asked beforehand by a browser", as("OPTIONS", "/oauth/device-code", PREFLIGHT));
device("usual", mine);
device("of a public client", proof(open));
device("client missing", {});
device("client unknown", { client_id: "9999999999" });
device("secret missing", { client_id: confidential.client_id });
device("secret wrong", bad(confidential));
device("scope unknown", { ...mine, scope: "nothing" });
device("scope not granted to the app", { ...mine, scope: "files.write_all" });
device("scope twice", { ...mine, scope: "user.read" }, { more: "&scope=openid" });
device("PKCE plain", { ...mine, code_challenge: VERIFIER, code_challenge_method: "plain" });
device("resource elsewhere", { ...mine, resource: "https://evil.example/" });
device("redirect_uri and response_type beside it", { ...mine, redirect_uri: "https://evil.example/", response_type: "token" });
device("body as JSON", mine, json);

group = "Revocation";
const REVOKE = "/oauth/revoke";
const revoke = post(REVOKE);
const having = (which, more = {}, app = confidential) => async (side) => ({
  ...mine, token: (await side.tokens(app))[which], ...more,
});
add("by GET", as("GET", REVOKE));
add("asked beforehand by a browser", as("OPTIONS", REVOKE, PREFLIGHT));
revoke("access token", having("access_token"));
revoke("refresh token", having("refresh_token"));
revoke("access token, of a public client", having("access_token", { client_id: open.client_id, client_secret: undefined }, open));
revoke("id_token", having("id_token"));
revoke("token missing", mine);
revoke("token that is none", { ...mine, token: "x" });
revoke("token twice", { ...mine, token: "x" }, { more: "&token=y" });
revoke("token in the address", mine, { query: "?token=x" });
revoke("token of another client", having("access_token", {}, es256));
revoke("token revoked before", async (side) => {
  const form = await having("access_token")(side);
  await fetch(side.issuer + REVOKE, { method: "POST", body: new URLSearchParams(form) });
  return form;
});
revoke("token_type_hint of the other", having("access_token", { token_type_hint: "refresh_token" }));
revoke("token_type_hint unknown", { ...mine, token: "x", token_type_hint: "nothing" });
revoke("body as JSON", { ...mine, token: "x" }, json);
revoke("client missing", { token: "x" });
revoke("secret wrong, by Basic", { token: "x" }, { headers: { authorization: basic(confidential.client_id, "pantry_cs_wrong") } });
revoke("secret wrong, in the body", { ...bad(confidential), token: "x" });

group = "Introspection";
const INTROSPECT = "/oauth/introspect";
const introspect = post(INTROSPECT);
add("by GET", as("GET", INTROSPECT));
add("asked beforehand by a browser", as("OPTIONS", INTROSPECT, PREFLIGHT));
introspect("access token", having("access_token"));
introspect("refresh token", having("refresh_token"));
introspect("id_token", having("id_token"));
introspect("token missing", mine);
introspect("token that is none", { ...mine, token: "x" });
introspect("token twice", { ...mine, token: "x" }, { more: "&token=y" });
introspect("token of another client", having("access_token", {}, es256));
introspect("token_type_hint unknown", having("access_token", { token_type_hint: "nothing" }));
introspect("by a public client", having("access_token", { client_id: open.client_id, client_secret: undefined }, open));
introspect("client missing", { token: "x" });
introspect("secret wrong, by Basic", { token: "x" }, { headers: { authorization: basic(confidential.client_id, "pantry_cs_wrong") } });
introspect("body as JSON", { ...mine, token: "x" }, json);

group = "Userinfo";
const USERINFO = "/oauth/userinfo";
function userinfo(name, { method = "GET", headers, body, query, scope: asked = "openid profile email" } = {}) {
  add(name, async (side) => {
    const tokens = await side.tokens(confidential, { scope: asked });
    return {
      method,
      path: USERINFO + (query?.(tokens) ?? ""),
      headers: { ...(body && { "content-type": FORM }), ...headers?.(tokens) },
      body: body && Buffer.from(written(body(tokens))),
    };
  });
}
const bearer = ({ access_token: text }) => ({ authorization: `Bearer ${text}` });
userinfo("usual", { headers: bearer });
userinfo("by HEAD", { method: "HEAD", headers: bearer });
userinfo("by POST, token in the header", { method: "POST", headers: bearer });
userinfo("by POST, token in the body", { method: "POST", body: ({ access_token }) => ({ access_token }) });
userinfo("by POST, token in both", { method: "POST", headers: bearer, body: ({ access_token }) => ({ access_token }) });
userinfo("by PUT", { method: "PUT", headers: bearer });
userinfo("by a browser's script", { headers: (tokens) => ({ ...bearer(tokens), ...ORIGIN }) });
userinfo("by a browser's script, refused", { headers: () => ({ authorization: "Bearer x", ...ORIGIN }) });
add("asked beforehand by a browser", as("OPTIONS", USERINFO, { ...PREFLIGHT, "access-control-request-method": "GET" }));
userinfo("without a token");
userinfo("token in the address", { query: ({ access_token }) => `?access_token=${access_token}` });
userinfo("token that is none", { headers: () => ({ authorization: "Bearer x" }) });
userinfo("header without a token", { headers: () => ({ authorization: "Bearer" }) });
userinfo("scheme in small letters", { headers: ({ access_token: text }) => ({ authorization: `bearer ${text}` }) });
userinfo("scheme unknown", { headers: ({ access_token: text }) => ({ authorization: `Token ${text}` }) });
userinfo("Basic in the place of Bearer", { headers: () => ({ authorization: basic(confidential.client_id, confidential.client_secret) }) });
userinfo("refresh token as access token", { headers: ({ refresh_token: text }) => ({ authorization: `Bearer ${text}` }) });
userinfo("token without openid", { headers: bearer, scope: "user.read" });
add("token revoked before", async (side) => {
  const { access_token: text } = await side.tokens(confidential, { scope: "openid" });
  await fetch(side.issuer + REVOKE, { method: "POST", body: new URLSearchParams({ ...mine, token: text }) });
  return { method: "GET", path: USERINFO, headers: bearer({ access_token: text }) };
});

group = "Pushed requests";
const PAR = "/oauth/par";
const push = post(PAR);
const pushed = { ...usual(confidential), ...mine };
add("by GET", as("GET", PAR));
add("asked beforehand by a browser", as("OPTIONS", PAR, PREFLIGHT));
push("usual", pushed);
push("of a public client", { ...usual(open), ...pkce });
push("of a public client without PKCE", usual(open));
push("client missing", { ...pushed, client_id: undefined, client_secret: undefined });
push("secret wrong, in the body", { ...pushed, ...bad(confidential) });
push("secret wrong, by Basic", usual(confidential), { headers: { authorization: basic(confidential.client_id, "pantry_cs_wrong") } });
push("redirect_uri of another site", { ...pushed, redirect_uri: "https://evil.example/" });
push("response_type token", { ...pushed, response_type: "token" });
push("scope unknown", { ...pushed, scope: "nothing" });
push("state twice", pushed, { more: "&state=t" });
push("PKCE plain", { ...pushed, code_challenge: VERIFIER, code_challenge_method: "plain" });
push("prompt unknown", { ...pushed, prompt: "nothing" });
push("request_uri", { ...pushed, request_uri: "urn:ietf:params:oauth:request_uri:x" });
push("resource elsewhere", { ...pushed, resource: "https://evil.example/" });
push("body as JSON", pushed, json);
const uri = async (side) => (await side.post(PAR, pushed)).request_uri;
const pull = (name, form) =>
  add(name, async (side) => ({ method: "GET", path: `${AUTHORIZE}?${written(await form(side))}`, headers: {} }));
pull("request_uri taken up", async (side) => ({ client_id: confidential.client_id, request_uri: await uri(side) }));
pull("request_uri taken up by another client", async (side) => ({ client_id: es256.client_id, request_uri: await uri(side) }));
pull("request_uri beside other parameters", async (side) => ({
  ...usual(confidential, { redirect_uri: "https://evil.example/" }), request_uri: await uri(side),
}));
pull("request_uri taken up twice", async (side) => {
  const query = { client_id: confidential.client_id, request_uri: await uri(side) };
  await side.visit(`${side.issuer}${AUTHORIZE}?${written(query)}`);
  return query;
});

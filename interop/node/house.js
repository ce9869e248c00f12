// What every client's flows stand on: the started server, its apps, a browser for the person, the lines of the report.
// Owns no OAuth: that is the clients' part.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

/** The issuer, the person, the apps: written by scripts/interop. */
export const world = JSON.parse(readFileSync(process.env.PANTRY_INTEROP, "utf8"));
export const { issuer, redirect_uri: redirectUri } = world;
export const metadata = await (await fetch(`${issuer}/.well-known/oauth-authorization-server`)).json();
/** One scope that the person must tick, one that is always there, and those of OpenID Connect. */
export const scopes = ["openid", "profile", "email", "user.read", "files.app_data", "files.read_all"];
export const scope = scopes.join(" ");

/** Scopes in no order, as a set of words is. */
export const sorted = (words) => [...(words.split?.(" ") ?? words)].sort();

const failures = [];

/** Runs one flow and prints one line; `quiet`: only if it failed. */
export async function flow(client, name, body, { quiet = false } = {}) {
  try {
    await body();
    if (!quiet) console.log(`ok      ${client}: ${name}`);
  } catch (error) {
    failures.push(`${client}: ${name}`);
    console.log(`FAILED  ${client}: ${name}`);
    console.log(error);
  }
}

/** Ends the run: with 1 if a flow failed. */
export function end() {
  process.exitCode = failures.length > 0 ? 1 : 0;
}

/** Calls v1 with a token, as an app would without a library. */
export async function v1(token, expected = 200) {
  const answer = await fetch(`${issuer}/v1/user/info`, { headers: { authorization: `Bearer ${token}` } });
  assert.equal(answer.status, expected);
  const body = await answer.json();
  if (expected === 200) assert.equal(body.data.username, world.username);
  return body;
}

function decode(text) {
  const names = { amp: "&", lt: "<", gt: ">", quot: '"', "#39": "'", "#x27": "'" };
  return text.replaceAll(/&(#?\w+);/g, (whole, name) => names[name] ?? whole);
}

function attributes(tag) {
  const found = {};
  for (const [, name, , value] of tag.matchAll(/([\w-]+)(="([^"]*)")?(?=[\s>])/g)) found[name] = decode(value ?? "");
  return found;
}

/** The forms of a page: where each goes, and its fields. */
function forms(page) {
  return [...page.matchAll(/<form([^>]*>)(.*?)<\/form>/gs)].map(([, head, body]) => ({
    action: attributes(head).action,
    inputs: [...body.matchAll(/<input\b([^>]*>)/g)].map(([, tag]) => attributes(tag)),
    buttons: [...body.matchAll(/<button\b([^>]*>)/g)].map(([, tag]) => attributes(tag)),
  }));
}

/** A person at a browser, who signs in and says yes or no. */
export class Browser {
  #cookies = new Map();

  /** The cookies, as a header has them. */
  cookies() {
    return [...this.#cookies].map(([name, value]) => `${name}=${value}`).join("; ");
  }

  /** One request with the cookies of those before, following nothing. */
  async fetch(url, options = {}) {
    const cookie = this.cookies();
    const headers = { ...options.headers, "accept-language": "en", ...(cookie && { cookie }) };
    const answer = await fetch(url, { ...options, headers, redirect: "manual" });
    for (const line of answer.headers.getSetCookie()) {
      const [pair] = line.split(";");
      const at = pair.indexOf("=");
      if (/max-age=0/i.test(line)) this.#cookies.delete(pair.slice(0, at));
      else this.#cookies.set(pair.slice(0, at), pair.slice(at + 1));
    }
    return answer;
  }

  #fill(form, decision) {
    const filled = new URLSearchParams();
    for (const { name, type, value = "", checked } of form.inputs) {
      if (type === "checkbox") filled.append(name, value);
      else if (type === "radio") checked !== undefined && filled.append(name, value);
      else if (type === "password") filled.append(name, world.password);
      else if (name === "account") filled.append(name, world.username);
      else filled.append(name, value);
    }
    if (form.buttons.some((button) => button.name === "decision")) filled.append("decision", decision);
    return filled;
  }

  /**
   * Goes to an address, signs in and answers whatever the pages ask, all boxes ticked.
   * Answers the address of the app that one is sent back to, or null if the last page has no more to ask.
   */
  async visit(address, decision = "allow") {
    let url = new URL(address);
    let answer = await this.fetch(url);
    for (let step = 0; step < 12; step += 1) {
      if ([302, 303, 307].includes(answer.status)) {
        url = new URL(answer.headers.get("location"), url);
        if (url.href.startsWith(redirectUri)) return url;
        answer = await this.fetch(url);
        continue;
      }
      const page = await answer.text();
      const problem = page.match(/id="problem"[^>]*>([^<]*)/)?.[1] ?? page.match(/<title>([^<]*)/)?.[1];
      assert.equal(answer.status, 200, `${url.pathname} answered ${answer.status}: ${problem}`);
      const form = forms(page).find(
        ({ inputs, buttons }) =>
          inputs.some(({ type }) => type === "password") ||
          inputs.some(({ name, type }) => name === "user_code" && type === "text") ||
          buttons.some(({ name }) => name === "decision"),
      );
      if (!form) return null;
      const from = url;
      url = new URL(form.action || url, url);
      answer = await this.fetch(url, {
        method: "POST",
        headers: { origin: from.origin, referer: from.href },
        body: this.#fill(form, decision),
      });
    }
    throw new Error(`The pages do not come to an end, at ${url}`);
  }
}

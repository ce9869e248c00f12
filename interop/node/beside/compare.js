// Asks both servers everything and compares what they say: status, error, and the headers that clients act on. Owns what
// counts as the same; what may differ, and why, stands in differences.json.
import { request as send } from "node:http";
import { redirectUri } from "../house.js";

/** What is compared, in the order of the page, and what each means. */
export const FIELDS = {
  status: "the HTTP status",
  error: "`error` of the JSON, or of the redirect",
  sends: "`Location`: back to the app with these parameters, or to pages that ask the person",
  type: "`Content-Type` without its parameters, where nothing redirects",
  cache: "`Cache-Control`",
  challenge: "`WWW-Authenticate`: scheme and `error`",
  cors: "`Access-Control-Allow-Origin`: open to whoever asked, or not there",
  allow: "`Allow`",
  state: "`state` of the redirect, byte for byte",
};

/** One exchange to the letter: `fetch` hides too much of both ways. */
function exchange(side, { method, path, headers = {}, body, browser }) {
  const url = new URL(side.issuer);
  const all = { accept: "*/*", ...headers, ...(browser && { cookie: browser.cookies() }) };
  if (body) all["content-length"] = body.length;
  return new Promise((resolve, reject) => {
    const out = send({ host: url.hostname, port: url.port, method, path, headers: all, agent: false }, (answer) => {
      const parts = [];
      answer.on("data", (part) => parts.push(part));
      answer.on("end", () => resolve({ answer, body: Buffer.concat(parts).toString("utf8") }));
    });
    out.on("error", reject);
    out.setTimeout(20_000, () => out.destroy(new Error(`${method} ${path} is not answered`)));
    out.end(body);
  });
}

function parsed(body) {
  try {
    return JSON.parse(body);
  } catch {
    return {};
  }
}

/** Where an answer sends the browser: to the app with which parameters, or to this server's own pages, which ask the person. */
function sends(location, side) {
  if (!location) return {};
  const url = new URL(location, side.issuer);
  const own = url.origin === side.issuer;
  if (own) return { sends: "asks the person" };
  const [at, fragment] = [url.origin + url.pathname, url.hash ? " in the fragment" : ""];
  const given = url.hash ? new URLSearchParams(url.hash.slice(1)) : url.searchParams;
  const names = [...given.keys()].filter((name) => name !== "error_description").sort().join(" ");
  const where = at.replace(/:\d+/, "") === redirectUri.replace(/:\d+/, "") ? "app" : at;
  return { sends: `${where}: ${names}${fragment}`, error: given.get("error"), state: given.get("state") };
}

/** `WWW-Authenticate`: scheme and error. Realms and sentences are each server's own. */
function challenge(header) {
  if (!header) return "-";
  const error = /error="?(\w+)/.exec(header)?.[1];
  return header.split(" ")[0] + (error ? ` ${error}` : "");
}

/** What of an answer is compared. */
function told(side, { answer, body }, asked) {
  const { headers, statusCode } = answer;
  const to = sends(headers.location, side);
  const origin = headers["access-control-allow-origin"];
  return {
    status: String(statusCode),
    error: to.error ?? parsed(body).error ?? "-",
    sends: to.sends ?? "-",
    // The little page behind a redirect is nobody's to read.
    type: headers.location ? "-" : (headers["content-type"] ?? "-").split(";")[0],
    cache: headers["cache-control"] ?? "-",
    challenge: challenge(headers["www-authenticate"]),
    cors: origin && (origin === "*" || origin === asked.headers?.origin) ? "open" : "-",
    allow: headers.allow ? headers.allow.split(/, ?/).sort().join(" ") : "-",
    state: to.state ?? "-",
  };
}

/** Asks one side one thing. */
export async function ask(side, { make }) {
  const asked = await make(side);
  if (asked.back) {
    const to = sends(asked.back, side);
    const rest = Object.fromEntries(Object.keys(FIELDS).map((field) => [field, "-"]));
    return { ...rest, status: "303", error: to.error ?? "-", sends: to.sends, state: to.state ?? "-" };
  }
  return told(side, await exchange(side, asked), asked);
}

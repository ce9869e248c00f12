// Side by side with npm oidc-provider: asks both the same, and fails where they differ without a reason in differences.json,
// where a reason no longer has its difference, and where the page in docs/ tells something else.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { flow } from "../house.js";
import { FIELDS, ask } from "./compare.js";
import { page } from "./page.js";
import { start } from "./provider.js";
import { requests } from "./requests.js";
import { Ours, Theirs } from "./sides.js";

const NAME = "oidc-provider";
const { version } = JSON.parse(readFileSync(new URL("../node_modules/oidc-provider/package.json", import.meta.url), "utf8"));
const reasons = JSON.parse(readFileSync(new URL("differences.json", import.meta.url), "utf8"));
/** Where the page is; with PANTRY_INTEROP_WRITE it is written anew. */
const { PANTRY_INTEROP_PAGE: place, PANTRY_INTEROP_WRITE: writes } = process.env;

/** What differs: `{ field: [ours, theirs] }`. */
function differences({ ours, theirs }) {
  // Where one of them does not go back to the app, that is the difference.
  const back = [ours, theirs].every(({ sends }) => sends.startsWith("app"));
  const fields = Object.keys(FIELDS).filter((field) => ours[field] !== theirs[field] && (field !== "state" || back));
  return Object.fromEntries(fields.map((field) => [field, [ours[field], theirs[field]]]));
}

const provider = await start();
const sides = [new Ours(), new Theirs(provider.issuer)];
const asked = [];
for (const request of requests) {
  await flow(NAME, `asked: ${request.group}: ${request.name}`, async () => {
    const [ours, theirs] = [await ask(sides[0], request), await ask(sides[1], request)];
    asked.push({ ...request, ours, theirs, differs: differences({ ours, theirs }) });
  }, { quiet: true });
}
provider.stop();

await flow(NAME, `${requests.length} requests, every difference explained`, () => {
  const names = asked.map(({ group, name }) => `${group}: ${name}`);
  assert.equal(new Set(names).size, names.length, "two requests have one name");
  const wrong = [];
  const open = new Map(asked.map(({ differs }, i) => [names[i], { ...differs }]));
  for (const { differs, why, requests: whose } of reasons) {
    assert.ok(why && whose.length > 0, `a reason without words or requests: ${JSON.stringify(differs)}`);
    for (const name of whose) {
      for (const [field, pair] of Object.entries(differs)) {
        const found = open.get(name)?.[field];
        if (found && found.join() === pair.join()) delete open.get(name)[field];
        else wrong.push(`${name}: ${field} no longer differs as ${pair.join(" | ")}${found ? `, but as ${found.join(" | ")}` : ""}`);
      }
    }
  }
  // As they would stand in differences.json, but for the reason.
  const unexplained = new Map();
  for (const [name, left] of open) {
    const differs = JSON.stringify(left);
    if (differs !== "{}") unexplained.set(differs, [...(unexplained.get(differs) ?? []), name]);
  }
  for (const [differs, whose] of unexplained) {
    wrong.push(`explain or mend: {"differs":${differs},"requests":${JSON.stringify(whose)}}`);
  }
  if (wrong.length > 0) throw new Error(wrong.join("\n"));
});

await flow(NAME, "the page tells what was found", () => {
  const text = page({ version, asked, reasons });
  if (writes) writeFileSync(place, text);
  else assert.equal(readFileSync(place, "utf8"), text, `${place} is stale; write it with PANTRY_INTEROP_WRITE=1`);
});

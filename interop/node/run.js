// Runs the flows of every client, or of those named, and the comparison: node run.js [CLIENT...|oidc-provider]
import { readdirSync } from "node:fs";
import { end } from "./house.js";

const named = process.argv.slice(2);
for (const file of readdirSync(new URL("clients", import.meta.url)).sort()) {
  if (named.length > 0 && !named.includes(file.replace(/\.js$/, ""))) continue;
  await import(`./clients/${file}`);
}
if (named.length === 0 || named.includes("oidc-provider")) await import("./beside/run.js");
end();

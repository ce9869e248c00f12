// Runs the flows of every client, or of those named: node run.js [CLIENT...]
import { readdirSync } from "node:fs";
import { end } from "./house.js";

const named = process.argv.slice(2);
for (const file of readdirSync(new URL("clients", import.meta.url)).sort()) {
  if (named.length > 0 && !named.includes(file.replace(/\.js$/, ""))) continue;
  await import(`./clients/${file}`);
}
end();

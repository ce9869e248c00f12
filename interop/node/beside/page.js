// docs/interop-oidc-provider.md, from what both servers said and from the reasons. Owns its words and form.
import { FIELDS } from "./compare.js";

const code = (text) => (text === "-" ? "–" : `\`${text.replaceAll("|", "\\|")}\``);
const cell = (text) => text.replaceAll("|", "\\|");

/** `a, b` of one group and `c` of another: `**Token**: a · b; **Device**: c`. */
function whose(names) {
  const groups = new Map();
  for (const name of names) {
    const at = name.indexOf(": ");
    groups.set(name.slice(0, at), [...(groups.get(name.slice(0, at)) ?? []), name.slice(at + 2)]);
  }
  return [...groups].map(([group, all]) => `**${group}**: ${all.map(cell).join(" · ")}`).join("; ");
}

const said = ({ status, error, sends }) =>
  [status, ...(error === "-" ? [] : [`\`${error}\``]), ...(sends === "-" ? [] : [sends])].join(", ");

/** The whole page. */
export function page({ version, asked, reasons }) {
  const same = asked.filter(({ differs }) => Object.keys(differs).length === 0);
  const lines = [
    "# Side by side with oidc-provider",
    "",
    `${asked.length} requests, malformed, unusual and usual, are sent to a started \`pantryd\` and to npm \`oidc-provider\` ${version},`,
    "which is told of the same apps, scopes and paths. What is compared of each answer:",
    "",
    "| | |",
    "|---|---|",
    ...Object.entries(FIELDS).map(([field, what]) => `| ${field} | ${what} |`),
    "",
    `${same.length} are answered alike. Every other difference stands below with its reason, from`,
    "`interop/node/beside/differences.json`. The run (`scripts/interop node oidc-provider`, part of continuous integration) fails on a",
    "difference that has no reason, on a reason whose difference is gone, and when this page, which",
    "`PANTRY_INTEROP_WRITE=1 scripts/interop node oidc-provider` writes, is not what it found. Sentences, realms and the text of pages",
    "are each server's own and not compared.",
    "",
    "## Differences",
    "",
    "| What | Pantry | oidc-provider | Why | Where |",
    "|---|---|---|---|---|",
    ...reasons.map(({ differs, why, requests }) => {
      const fields = Object.keys(differs);
      const side = (i) => fields.map((field) => code(differs[field][i])).join("<br>");
      return `| ${fields.join("<br>")} | ${side(0)} | ${side(1)} | ${cell(why)} | ${whose(requests)} |`;
    }),
    "",
    "## Requests",
    "",
    "What Pantry answers; a star where oidc-provider differs in anything.",
  ];
  let group;
  for (const { group: its, name, ours, differs } of asked) {
    if (its !== group) lines.push("", `### ${its}`, "", "| Request | Answer |", "|---|---|");
    group = its;
    lines.push(`| ${cell(name)} | ${said(ours)}${Object.keys(differs).length > 0 ? " \\*" : ""} |`);
  }
  return `${lines.join("\n")}\n`;
}

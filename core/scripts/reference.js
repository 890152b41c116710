/**
 * Writes docs/plugin-reference.md from the type declarations that core is published with; with `--check` it writes
 * nothing and exits with 1 if the page is not what it would write. To be run after the build.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { ERROR_STATUS } from "../../schemas/dist/index.js";
import { DEFAULT_LIMITS } from "../dist/kernel/kernel.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const DIST = join(ROOT, "core/dist");
const TESTING = join(ROOT, "core/testing/dist");
const SCHEMAS = join(ROOT, "schemas/dist/generated/types.d.ts");
const PAGE = join(ROOT, "docs/plugin-reference.md");

/** What the modules of the author's API are about, in the order of the page. */
const CHAPTERS = {
  "kernel/plugin": "A plugin and its scope",
  "kernel/hooks": "What hooks are called with",
  "ports/turns": "Turns",
  "ports/options": "Options of turns",
  "ports/approvals": "Approvals",
  "approvals/describe": "Showing calls to people",
  "approvals/shown": "Characters that do not show",
  "repositories/commands": "Commands that run git",
  errors: "Refusals",
  "http/pages": "Pages and their files",
  "kernel/capabilities": "What the scope offers",
  "turns/stream": "Streams",
  "ports/ledger": "Sessions, turns and money",
  "ports/engine": "Claude's processes",
  "ports/conversations": "What was said",
  "ports/page": "Pages of lists",
  "generated/types": "What clients and the audit log get",
};

const KINDS = {
  AsyncSeriesBailHook: "interceptor, the first answer wins",
  AsyncSeriesWaterfallHook: "interceptor, each tap gets what the one before returned",
  AsyncParallelHook: "observer",
  AsyncSeriesHook: "awaited",
};

function page() {
  const core = exportsOf(DIST, "index.d.ts");
  const testing = exportsOf(TESTING, "index.d.ts");
  const missing = [...core.keys()].filter((name) => !(name in CHAPTERS));
  if (missing.length > 0)
    throw new Error(`CHAPTERS in core/scripts/reference.js lacks ${missing.join(", ")}`);
  checkComplete([...core.values(), ...testing.values()].flat());
  return [
    "# Plugin reference",
    "Made by `npm run reference` from the declarations of `@claudeway/core`; the guide is [plugin-guide.md](plugin-guide.md).",
    "## Hooks",
    hookTable(),
    "## Limits",
    "What a plugin may take, and what happens then: see the guide.",
    limitTable(),
    "## Error codes",
    "What a client can meet; a `Refusal` takes the code of its status, and `FORBIDDEN` where there is none.",
    table(
      ["code", "status"],
      Object.entries(ERROR_STATUS).map(([code, status]) => [`\`${code}\``, String(status)]),
    ),
    ...Object.entries(CHAPTERS).flatMap(([module, title]) => chapter(title, core.get(module) ?? [])),
    ...chapter("`@claudeway/testing`", [...testing.values()].flat()),
  ]
    .join("\n\n")
    .concat("\n");
}

/** What comes with the language, with Node, or from a package that authors know. */
const KNOWN =
  /^(Promise|PromiseLike|ReadonlyMap|Readonly|Record|Partial|Pick|Omit|Extract|ReturnType|Iterable|AsyncIterable|AsyncGenerator|AbortSignal|Error|Request|Response|Headers|Symbol|Router|Logger|Hook|Async\w+Hook)$/;

/** Throws where a type is named that the page does not have: an author would have to look into core for it. */
function checkComplete(declarations) {
  const declared = new Set(declarations.map((text) => DECLARED.exec(text)?.[1]));
  const missing = declarations.flatMap((text) => {
    const own = [...text.matchAll(/(?:[<,] ?|infer )(\w+)(?= extends|[,>])/g)].map(([, name]) => name);
    return typesNamedIn(text)
      .filter((name) => !declared.has(name) && !KNOWN.test(name) && !parametersOf(text, own).has(name))
      .map((name) => `${name} (${DECLARED.exec(text)?.[1]})`);
  });
  if (missing.length > 0) throw new Error(`core exports no ${[...new Set(missing)].join(", ")}`);
}

const DECLARED = /^(?:interface|type|class|function|const) (\w+)/m;

function typesNamedIn(text) {
  const code = text.replaceAll(/\/\*[\s\S]*?\*\/|"[^"]*"/g, "");
  return [...code.matchAll(/\b[A-Z]\w*[a-z]\w*/g)].map(([name]) => name);
}

/** The parameters of a generic type. */
function parametersOf(text, named) {
  const head = /^(?:interface|type|function) \w+<([^(={]*)/m.exec(text)?.[1] ?? "";
  return new Set(
    named.filter((name) => new RegExp(`\\b${name}\\b`).test(head) || text.includes(`infer ${name}`)),
  );
}

function chapter(title, declarations) {
  return [`## ${title}`, ...declarations.map((text) => `\`\`\`ts\n${text}\n\`\`\``)];
}

/** The declarations that an entry file exports, by the module that they stand in. */
function exportsOf(dist, entry) {
  const found = new Map();
  const text = readFileSync(join(dist, entry), "utf8");
  for (const [, names, from] of text.matchAll(/^export (?:type )?\{([^}]+)\} from "([^"]+)";$/gm)) {
    const file = from.startsWith(".") ? join(dist, dirname(entry), from.replace(/\.js$/, ".d.ts")) : SCHEMAS;
    const module = relative(from.startsWith(".") ? dist : dirname(dirname(SCHEMAS)), file).replace(
      /\.d\.ts$/,
      "",
    );
    const fileOf = (name) => (from.startsWith("@claudeway/core/") ? coreFileOf(name) : file);
    const own = names
      .split(",")
      .map((name) => name.replace("type ", "").trim())
      .filter(Boolean);
    found.set(module, [
      ...(found.get(module) ?? []),
      ...own.map((name) => declarationOf(name, fileOf(name))),
    ]);
  }
  return found;
}

/** The declarations of core that hold `name`, which one of its entries exports. */
function coreFileOf(name) {
  const declared = new RegExp(`^export (?:declare )?(?:interface|type|class|function|const) ${name}\\b`, "m");
  const files = readdirSync(DIST, { recursive: true, encoding: "utf8" }).filter((file) =>
    file.endsWith(".d.ts"),
  );
  const found = files
    .map((file) => join(DIST, file))
    .find((file) => declared.test(readFileSync(file, "utf8")));
  if (found === undefined) throw new Error(`core declares no ${name}`);
  return found;
}

/** A declaration with the comment above it. */
function declarationOf(name, file) {
  const text = readFileSync(file, "utf8");
  const head = new RegExp(`^export (?:declare )?(interface|type|class|function|const) ${name}\\b`, "m").exec(
    text,
  );
  if (head === null) throw new Error(`${relative(ROOT, file)}: has no declaration of ${name}`);
  const comment = /\/\*\*(?:(?!\*\/)[\s\S])*\*\/\n$/.exec(text.slice(0, head.index))?.[0] ?? "";
  const braced = head[1] === "interface" || head[1] === "class";
  const body = text.slice(head.index, endOf(text, head.index, braced));
  return (comment + body)
    .replaceAll(/^export (declare )?/gm, "")
    .replaceAll(
      /^ {4}(#private|private .*|constructor\((?:gateway: OpenGateway|requests: Requests.*)\));\n/gm,
      "",
    )
    .replaceAll(/, import\("tapable"\)\.UnsetAdditionalOptions/g, "")
    .replaceAll(/^( {4})+/gm, (indent) => indent.slice(indent.length / 2));
}

/** Where a declaration ends: at its closing brace, or at the semicolon outside of all brackets. */
function endOf(text, start, braced) {
  const code = text.replaceAll(/\/\*[\s\S]*?\*\//g, (comment) => " ".repeat(comment.length));
  let depth = 0;
  for (let at = start; at < code.length; at++) {
    if ("{[(".includes(code[at])) depth++;
    if ("}])".includes(code[at]) && --depth === 0 && braced && code[at] === "}") return at + 1;
    if (code[at] === ";" && depth === 0) return at + 1;
  }
  throw new Error(`a declaration does not end: ${text.slice(start, start + 60)}`);
}

function hookTable() {
  const text = declarationOf("createHooks", join(DIST, "kernel/hooks.d.ts"));
  const rows = [
    ...text.matchAll(/\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\n +(\w+): (\w+)<\[(.*)\](?:, (\w+))?>;/g),
  ].map(([, comment, hook, type, given, answer]) => [
    `\`${hook}\``,
    KINDS[type],
    given === "" ? "" : `\`${given.replaceAll("|", "\\|")}\``,
    answer === undefined ? "" : `\`${answer}\``,
    summaryOf(comment),
  ]);
  return table(["hook", "kind", "called with", "may answer", ""], rows);
}

/** Without its kind, which has a column of its own. */
function summaryOf(comment) {
  const said = plain(comment).replace(/^(Interceptor|Observer|Awaited)[.,] (and )?/, "");
  return (said.charAt(0).toUpperCase() + said.slice(1)).replaceAll("|", "\\|");
}

function limitTable() {
  const text = ["instance", "calling/meter"]
    .map((module) => readFileSync(join(DIST, `kernel/${module}.d.ts`), "utf8"))
    .join("\n");
  const rows = Object.entries(DEFAULT_LIMITS).map(([name, value]) => {
    const comment =
      new RegExp(`/\\*\\*((?:(?!\\*/)[\\s\\S])*)\\*/\\n +readonly ${name}:`).exec(text)?.[1] ?? "";
    return [`\`${name}\``, String(value), plain(comment)];
  });
  return table(["limit", "default", ""], rows);
}

function table(heads, rows) {
  return [heads, heads.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

function plain(comment) {
  return comment.replaceAll(/\s*\n\s*\*?\s*/g, " ").trim();
}

const wanted = page();
const name = relative(process.cwd(), PAGE);
if (!process.argv.includes("--check")) {
  writeFileSync(PAGE, wanted);
  process.stdout.write(`${name}: written\n`);
} else if (readFileSync(PAGE, "utf8") !== wanted) {
  process.stderr.write(`${name}: is not what the declarations say; run npm run reference\n`);
  process.exitCode = 1;
} else {
  process.stdout.write(`${name}: is what the declarations say\n`);
}

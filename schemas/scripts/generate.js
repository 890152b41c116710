/**
 * Writes src/generated/types.ts, or the file that is named, from the schemas of this package; with `--check` it writes
 * nothing and exits with 1 if the file is not what it would write.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { compile } from "json-schema-to-typescript";

const ROOM = fileURLToPath(new URL("..", import.meta.url));
const TARGET =
  process.argv.slice(2).find((word) => !word.startsWith("--")) ?? join(ROOM, "src/generated/types.ts");
const NO_SCHEMAS = ["package.json", "tsconfig.json"];

const HEAD = `// Made by \`npm run generate\` from schemas/*.json; edit those instead.
// A property with a default is never missing here: the types are of values as \`validate\` returns them.
`;

function schemaFiles() {
  return readdirSync(ROOM)
    .filter((file) => file.endsWith(".json") && !NO_SCHEMAS.includes(file))
    .sort();
}

function readSchema(file) {
  const schema = JSON.parse(readFileSync(join(ROOM, file), "utf8"));
  if (schema.$id !== file)
    throw new Error(`schemas/${file}: $id is "${schema.$id}"; it takes the file's name`);
  if (!schema.title) throw new Error(`schemas/${file}: has no title; it takes the name of the type`);
  return schema;
}

/** Validation fills defaults in, so in the types such properties are there. */
function requireDefaults(node) {
  if (Array.isArray(node)) return node.map(requireDefaults);
  if (node === null || typeof node !== "object") return node;
  const copy = Object.fromEntries(Object.entries(node).map(([key, value]) => [key, requireDefaults(value)]));
  if (node.type === "object" && node.properties) {
    const filled = Object.keys(node.properties).filter((key) => "default" in node.properties[key]);
    copy.required = [...new Set([...(node.required ?? []), ...filled])];
  }
  return copy;
}

async function typeOf(file) {
  const schema = requireDefaults(readSchema(file));
  // The generator names a type after $id where it can; the title is the name we want.
  delete schema.$id;
  return compile(schema, schema.title, {
    cwd: ROOM,
    bannerComment: "",
    declareExternallyReferenced: false,
    ignoreMinAndMaxItems: true,
    unknownAny: true,
    style: { printWidth: 110, singleQuote: false },
  });
}

async function generate() {
  const files = schemaFiles();
  const types = await Promise.all(files.map(typeOf));
  const rows = files.map((file) => `  "${basename(file, ".json")}": ${readSchema(file).title};`);
  const names = files.map((file) => `  "${basename(file, ".json")}",`);
  return [
    HEAD,
    ...types,
    "/** The type of each schema, by the name of its file. */",
    `export interface SchemaTypes {\n${rows.join("\n")}\n}\n`,
    "/** Every schema, by the name of its file. */",
    `export const SCHEMA_NAMES = [\n${names.join("\n")}\n] as const;\n`,
  ].join("\n");
}

function readTarget() {
  try {
    return readFileSync(TARGET, "utf8");
  } catch (error) {
    if (error.code === "ENOENT") return undefined;
    throw error;
  }
}

const wanted = await generate();
const name = relative(process.cwd(), TARGET);
if (!process.argv.includes("--check")) {
  writeFileSync(TARGET, wanted);
  process.stdout.write(`${name}: written\n`);
} else if (readTarget() !== wanted) {
  process.stderr.write(`${name}: is not what the schemas say; run npm run generate\n`);
  process.exitCode = 1;
} else {
  process.stdout.write(`${name}: is what the schemas say\n`);
}

import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { createAjv, isObject, SCHEMA_NAMES, schemaOf } from "#schemas/index.js";

const ROOM = fileURLToPath(new URL("../../schemas", import.meta.url));

interface Spot {
  readonly at: string;
  readonly schema: Readonly<Record<string, unknown>>;
}

/** Every object in the document that is a schema by itself: the document, properties, items, branches. */
function spotsOf(schema: unknown, at: string): Spot[] {
  if (!isObject(schema)) return [];
  const { properties, items, additionalProperties, oneOf } = schema;
  return [
    { at, schema },
    ...Object.entries(isObject(properties) ? properties : {}).flatMap(([name, next]) =>
      spotsOf(next, `${at}/${name}`),
    ),
    ...spotsOf(items, `${at}/items`),
    ...spotsOf(additionalProperties, `${at}/*`),
    ...(Array.isArray(oneOf) ? oneOf : []).flatMap((next) => spotsOf(next, `${at}/oneOf`)),
  ];
}

describe("the schemas", () => {
  const files = readdirSync(ROOM).filter(
    (file) => file.endsWith(".json") && !/^(package|tsconfig)\.json$/.test(file),
  );
  const spots = SCHEMA_NAMES.flatMap((name) => spotsOf(schemaOf(name), name));

  it("are the files of the folder, each named by its $id and by a title of its own", () => {
    expect(SCHEMA_NAMES.map((name) => `${name}.json`)).to.have.members(files);
    for (const name of SCHEMA_NAMES) expect(schemaOf(name)).to.include({ $id: `${name}.json` });
    const titles = SCHEMA_NAMES.map(schemaOf).map(({ title }) => title);
    expect(new Set(titles).size).to.equal(titles.length);
  });

  it("are good JSON Schema 2020-12, and find each other", () => {
    const ajv = createAjv();
    for (const name of SCHEMA_NAMES) ajv.addSchema({ ...schemaOf(name), $async: false });
    for (const name of SCHEMA_NAMES) expect(ajv.getSchema(`${name}.json`), name).to.be.a("function");
  });

  it("describe every property", () => {
    const silent = spots.filter(
      ({ schema: { $ref, description } }) => $ref === undefined && typeof description !== "string",
    );
    expect(silent.map(({ at }) => at)).to.deep.equal([]);
  });

  it("state for every object whether it may have further properties", () => {
    const vague = spots.filter(
      ({ schema: { type, additionalProperties } }) => type === "object" && additionalProperties === undefined,
    );
    expect(vague.map(({ at }) => at)).to.deep.equal([]);
  });

  it("refer to files beside them, with nothing next to $ref that would be lost", () => {
    const refs = spots.filter(({ schema }) => "$ref" in schema);
    expect(refs).to.have.length.greaterThan(5);
    for (const { at, schema } of refs) {
      expect(Object.keys(schema), at).to.deep.equal(["$ref"]);
      expect(files, at).to.include.members(Object.values(schema));
    }
  });
});

describe("the generated types", () => {
  const generated = join(ROOM, "src/generated/types.ts");
  let folder = "";

  const check = (...args: string[]) =>
    spawnSync(process.execPath, [join(ROOM, "scripts/generate.js"), "--check", ...args], {
      encoding: "utf8",
    });

  before(() => {
    folder = mkdtempSync(join(tmpdir(), "claudeway-types-"));
  });
  after(() => rmSync(folder, { recursive: true }));

  it("are up to date", () => {
    const { status, stderr } = check();
    expect(stderr).to.equal("");
    expect(status).to.equal(0);
  });

  it("are refused when out of date, with the remedy", () => {
    const drifted = join(folder, "types.ts");
    writeFileSync(drifted, readFileSync(generated, "utf8").replace("prompt: string", "prompt: number"));
    const { status, stderr } = check(drifted);
    expect(status).to.equal(1);
    expect(stderr).to.match(/types\.ts: out of date; run npm run generate\n$/);
  });
});

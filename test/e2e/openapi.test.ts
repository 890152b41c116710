import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { ERROR_STATUS, isObject } from "@claudeway/schemas";
import { openapiDocument } from "@claudeway/schemas/openapi";
import { expect } from "chai";
import { LINK_PATH } from "#core/approvals/links.js";
import { EventParser } from "#testing/event-parser.js";
import { Contract, type Operation } from "./contract.js";
import { OWN_CONTRACT } from "./exchanges.js";
import { TestGateway } from "./gateway.js";

/** A route as the code adds it. */
const ROUTE = /router\.(get|post|put|delete|patch)\(["`]([^"`]+)["`]/g;

type Document = Readonly<Record<string, unknown>>;

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const PLUGIN = join(ROOT, "test/fixtures/plugins/tells-routes");
const SWITCHES = join(ROOT, "test/fixtures/plugins/switches");
const API = readFileSync(join(ROOT, "docs/api.md"), "utf8");
const OWN: Document = openapiDocument({ version: "0.1.0", mounts: [] });

describe("the OpenAPI document", () => {
  let gateway: TestGateway;
  let live: Document;
  before(async () => {
    gateway = await TestGateway.start({
      args: ["--enable-plugin", `swagger,dashboard,${PLUGIN},${SWITCHES}`],
    });
    live = (await gateway.request("/openapi.json", { key: null })).body;
  });
  after(() => gateway?.dispose());

  for (const what of ["the gateway's own", "with plugins"] as const) {
    const document = () => (what === "with plugins" ? live : OWN);

    it(`${what}: redocly finds nothing to complain about`, async () => {
      expect(await lint(document()))
        .to.include("Your API description is valid")
        .and.not.match(/warning/i);
    });

    it(`${what}: every example is as its schema says`, () => {
      const problems = examplesIn(document());
      expect(problems.checked).to.be.greaterThan(30);
      expect(problems.wrong).to.deep.equal([]);
    });

    it(`${what}: every operation has a description and a unique name`, () => {
      const { operations } = new Contract(document());
      const ids = operations.map(({ place }) => place.node["operationId"]);
      expect(new Set(ids).size).to.equal(operations.length);
      for (const { method, path, place } of operations) {
        for (const field of ["operationId", "summary", "tags", "responses"])
          expect(place.node, `${method} ${path}`).to.have.property(field);
      }
    });

    it(`${what}: every reference resolves, and no custom keyword is left in a schema`, () => {
      const contract = new Contract(document());
      for (const ref of referencesIn(document())) {
        expect(ref).to.match(/^#\//);
        expect(contract.at(ref.slice(1)).node, ref).not.to.deep.equal({});
      }
      const schemas = JSON.stringify(contract.at("/components/schemas").node);
      expect(schemas).not.to.match(/"(\$id|\$schema|x-[a-z]+)":/);
    });
  }

  it("names every route in the code, and no other", () => {
    const folder = join(ROOT, "core/src/http/routes");
    const inCode = readdirSync(folder).flatMap((file) =>
      [...readFileSync(join(folder, file), "utf8").matchAll(ROUTE)].map(
        ([, method = "", path = ""]) =>
          `${method.toUpperCase()} ${path.replace(/^\$\{LINK_PATH\}/, LINK_PATH).replaceAll(/[:*]\w+/g, "{}")}`,
      ),
    );
    expect(pathsOf(OWN_CONTRACT.operations)).to.have.members([...inCode, "GET /task/ws"]);
  });

  it("lists the methods that the gateway accepts", async () => {
    for (const path of new Set(OWN_CONTRACT.operations.map((operation) => operation.path))) {
      if (path === "/task/ws") continue;
      const { headers } = await gateway.request(path.replace(/\{\w+\}/, "some-id"), { method: "REPORT" });
      const allowed = (headers.get("allow") ?? "").split(", ").filter((method) => method !== "HEAD");
      const told = OWN_CONTRACT.operations.filter((operation) => operation.path === path);
      // `/session/start` is a session's path too, to the router.
      expect(allowed, path).to.include.members(told.map(({ method }) => method));
    }
  });

  it("has the plugins' descriptions of their routes, completed by the gateway", () => {
    const contract = new Contract(live);
    const report = contract.operationOf("GET", "/reports/7");
    const list = contract.operationOf("GET", "/reports");
    expect(report?.place.node).to.deep.include({ operationId: "getReport", security: [{ cookie: [] }] });
    expect(list?.place.node).to.deep.include({
      operationId: "tells_routes_get_reports",
      tags: ["tells_routes"],
    });
    if (report === undefined || list === undefined) throw new Error("a route is missing");
    expect(statusesOf(contract, report)).to.include.members([
      "200",
      "401",
      "403",
      "404",
      "429",
      "500",
      "503",
    ]);
    expect(contract.component("Report").node).to.have.property("required");
    expect(contract.component("Health").node, "the gateway's own schema stays").to.have.property("title");
    expect(contract.operationOf("POST", "/untold/pings/7")?.place.node).to.deep.include({ security: [] });
    expect(contract.operations.filter(({ path }) => path.startsWith("/badly"))).to.deep.equal([]);
  });

  it("omits a plugin's routes while it is disabled", async () => {
    const told = async () => {
      const { body } = await gateway.request<{ paths: object }>("/openapi.json", { key: null });
      return Object.keys(body.paths).some((path) => path.startsWith("/reports"));
    };
    expect(await told()).to.equal(true);
    await gateway.request("/switch/off?plugin=tells_routes", { method: "POST" });
    expect(await told()).to.equal(false);
    await gateway.request(`/switch/on?plugin=${encodeURIComponent(PLUGIN)}`, { method: "POST" });
    expect(await told()).to.equal(true);
  });

  describe("docs/api.md", () => {
    it("lists every error code with its status, and no other", () => {
      const rows = [...API.matchAll(/^\| (\d{3}) \| `([A-Z_]+)` \|/gm)].map(([, status, code]) => [
        code,
        Number(status),
      ]);
      expect(rows).to.deep.equal(Object.entries(ERROR_STATUS));
    });

    it("describes every route, and no other", () => {
      const headings = [...API.matchAll(/^### `(\w+) (\S+)`$/gm)].map(
        ([, method, path = ""]) => `${method} ${path.replaceAll(/\{\w+\}/g, "{}")}`,
      );
      expect(headings).to.have.members(pathsOf(OWN_CONTRACT.operations));
    });

    it("lists the responses of every route", () => {
      const any = listed(/^A request to any route but those of signed links can meet: (.*)\.$/m).filter(
        (status) => !["404", "405", "408"].includes(status),
      );
      const keyed = listed(/^A request with a key can also meet: (.*)\.$/m);
      for (const operation of OWN_CONTRACT.operations) {
        const { method, path } = operation;
        const section = API.split(`### \`${method} ${path}\``)[1] ?? "";
        const own = /^Gives: (.*)\.$/m.exec(section)?.[1]?.split(", ") ?? [];
        const more = path.startsWith("/approvals/link/")
          ? ["431"]
          : ["/", "/health", "/ready"].includes(path)
            ? any
            : [...any, ...keyed];
        const expected = [...own, ...more];
        // "default" is every other status of an operation whose success is no 2xx.
        const told = statusesOf(OWN_CONTRACT, operation).map((key) => (key === "default" ? "4XX" : key));
        expect(told, `${method} ${path}`).to.have.members(expected);
      }
    });

    it("names every field of every request and answer", () => {
      for (const { method, path, place } of OWN_CONTRACT.operations) {
        const body = OWN_CONTRACT.child(place, "requestBody");
        const ok = OWN_CONTRACT.child(OWN_CONTRACT.child(place, "responses"), "200");
        for (const told of [body, ok]) {
          const media = OWN_CONTRACT.child(OWN_CONTRACT.child(told, "content"), "application/json");
          const schema = OWN_CONTRACT.child(media, "schema");
          for (const [field] of OWN_CONTRACT.entries(OWN_CONTRACT.child(schema, "properties")))
            expect(API, `${method} ${path}: ${field}`).to.match(new RegExp(`\\b${field}\\b`));
        }
      }
    });

    it("lists every event", () => {
      const events = OWN_CONTRACT.component("StreamEvent").node["oneOf"];
      const told = [...API.matchAll(/^\| `([a-z_]+)` \| /gm)].map(([, name]) => name);
      for (const { $ref } of Array.isArray(events) ? events : []) {
        const { event } = OWN_CONTRACT.at(`${$ref.slice(1)}/properties`).node;
        expect(told).to.include(isObject(event) ? event["const"] : undefined);
      }
    });

    function listed(line: RegExp): string[] {
      return line.exec(API)?.[1]?.split(", ") ?? [];
    }
  });
});

/** What `redocly lint` says with its recommended rules. */
async function lint(document: Document): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "claudeway-openapi-"));
  try {
    writeFileSync(join(folder, "openapi.json"), JSON.stringify(document));
    const { stdout, stderr } = await promisify(execFile)(
      process.execPath,
      [
        join(ROOT, "node_modules/@redocly/cli/bin/cli.js"),
        "lint",
        "--extends",
        "recommended",
        "openapi.json",
      ],
      {
        cwd: folder,
        env: {
          ...process.env,
          REDOCLY_TELEMETRY: "off",
          REDOCLY_SUPPRESS_UPDATE_NOTICE: "true",
          NO_COLOR: "1",
        },
      },
    ).catch((error: { stdout: string; stderr: string }) => error);
    // Its notice about the version of Node is irrelevant.
    return `${stdout}${stderr}`.replace(/^.*║.*$/gm, "");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Holds every example against the schema beside it. */
function examplesIn(document: Document): { readonly checked: number; readonly wrong: readonly string[] } {
  const contract = new Contract(document);
  const wrong: string[] = [];
  let checked = 0;
  const check = (schema: ReturnType<Contract["at"]>, value: unknown) => {
    checked += 1;
    const problem = contract.check(schema, value);
    if (problem !== undefined) wrong.push(`${schema.pointer}: ${problem}`);
  };
  for (const { place } of contract.operations) {
    const responses = contract.entries(contract.child(place, "responses")).map(([, response]) => response);
    for (const told of [contract.child(place, "requestBody"), ...responses]) {
      for (const [type, media] of contract.entries(contract.child(told, "content"))) {
        const schema = contract.child(media, "schema");
        for (const [, example] of contract.entries(contract.child(media, "examples"))) {
          check(schema, example.node["value"]);
          if (type !== "text/event-stream") continue;
          const events = new EventParser().push(String(example.node["value"]));
          expect(events.at(-1)?.event).to.equal("done");
          const ofSession = JSON.stringify(schema.node).includes("SessionEvent");
          for (const { event, data } of events)
            check(contract.component(ofSession ? "SessionEvent" : "StreamEvent"), {
              event,
              data: event === "text" && !ofSession ? data : JSON.parse(data),
            });
        }
      }
    }
  }
  return { checked, wrong };
}

function referencesIn(node: unknown): string[] {
  if (Array.isArray(node)) return node.flatMap(referencesIn);
  if (!isObject(node)) return [];
  const own = typeof node["$ref"] === "string" ? [node["$ref"]] : [];
  return [...own, ...Object.values(node).flatMap(referencesIn)];
}

/** Method and path, whatever the parameters are called. */
function pathsOf(operations: readonly Operation[]): string[] {
  return operations.map(({ method, path }) => `${method} ${path.replaceAll(/\{\w+\}/g, "{}")}`);
}

function statusesOf(contract: Contract, operation: Operation): string[] {
  return contract.responsesOf(operation).map(([key]) => key);
}

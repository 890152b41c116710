import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import type { SessionStarted, TurnResponse } from "@claudeway/schemas";
import { expect } from "chai";
import { KEYS } from "./gateway.js";
import { OptionsGateway, type SentRequest } from "./options-kit.js";
import { eventually } from "./poll.js";

const PNG = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==",
  "base64",
);
const PDF = Buffer.from("%PDF-1.1\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\ntrailer<</Root 1 0 R>>");
const CSV = "a,b\n1,2\n";
const FILE_BYTES = 100_000;

type Part = readonly [name: string, value: string | Buffer, file?: string];

function formOf(parts: readonly Part[]): FormData {
  const form = new FormData();
  for (const [name, value, file] of parts) {
    if (file === undefined) form.append(name, value.toString());
    else form.append(name, new Blob([new Uint8Array(Buffer.from(value))]), file);
  }
  return form;
}

/** The same as bytes, with file names that a form of `fetch` would encode. */
function bytesOf(parts: readonly Part[], boundary = "XX"): string {
  const heads = parts.map(([name, value, file]) => {
    const named = file === undefined ? "" : `; filename="${file}"`;
    return `--${boundary}\r\nContent-Disposition: form-data; name="${name}"${named}\r\n\r\n${value}\r\n`;
  });
  return `${heads.join("")}--${boundary}--\r\n`;
}

function blocksOf(sent: readonly SentRequest[]): unknown[] {
  return (sent[0]?.messages ?? []).flatMap(({ content }) => (Array.isArray(content) ? content : []));
}

describe("uploads with prompts", () => {
  let kit: OptionsGateway;
  let named: string;
  before(async () => {
    kit = await OptionsGateway.start({
      config: `[limits]\nfile_bytes = ${FILE_BYTES}\nbody_bytes = 20000\n`,
    });
    named = join(kit.gateway.dir, "named");
    mkdirSync(named);
  });
  after(() => kit.dispose());
  afterEach("no form is left", async () => {
    const folder = join(kit.gateway.dataDir, "uploads");
    await eventually("the forms gone", async () => !existsSync(folder) || readdirSync(folder).length === 0);
  });

  async function newSession(key: string = KEYS.admin): Promise<SessionStarted> {
    return (await kit.gateway.request<SessionStarted>("/session/start", { body: {}, key })).body;
  }

  async function send(
    path: string,
    body: FormData | string,
    { key = KEYS.admin as string, headers = {} as Record<string, string> } = {},
  ) {
    const type = typeof body === "string" ? { "content-type": "multipart/form-data; boundary=XX" } : {};
    const before = kit.count;
    const response = await fetch(kit.gateway.url + path, {
      method: "POST",
      headers: { authorization: `Bearer ${key}`, ...type, ...headers },
      body,
    });
    const text = await response.text();
    const json = text.startsWith("{");
    const answer: Partial<TurnResponse> & { code?: string } = json ? JSON.parse(text) : {};
    return { status: response.status, answer, text, headers: response.headers, sent: kit.sentSince(before) };
  }

  it("give images and PDF documents to the model, before the prompt", async () => {
    const form = formOf([
      ["prompt", "[[say seen]]"],
      ["file", PNG, "dot.png"],
      ["other", PDF, "any name"],
    ]);
    const { answer, sent } = await send("/task", form);
    expect(answer, JSON.stringify(answer)).to.include({ success: true, result: "seen" });
    const blocks = blocksOf(sent);
    const image = {
      type: "image",
      source: { type: "base64", media_type: "image/png", data: PNG.toString("base64") },
    };
    expect(blocks).to.deep.include(image);
    const types = blocks.map((block) => Object(block).type);
    expect(types.indexOf("document")).to.be.greaterThan(types.indexOf("image"));
    const texts = blocks.map((block) => String(Object(block).text).trim());
    expect(texts.indexOf("[[say seen]]")).to.be.greaterThan(types.indexOf("document"));
  });

  it("store other files in the workdir of the session, and name them to the model", async () => {
    const { session_id: id, workdir } = await newSession();
    const form = formOf([
      ["file", CSV, "data.csv"],
      ["file", PNG, "dot.png"],
      ["file", "", "größe 1.txt"],
      ["prompt", "[[bash cat data.csv]]"],
    ]);
    const { answer, sent } = await send(`/session/${id}`, form);
    expect(answer.result, JSON.stringify(answer)).to.include("a,b\n1,2");
    expect(readdirSync(workdir).sort()).to.deep.equal(["data.csv", "größe 1.txt"]);
    expect(readFileSync(join(workdir, "data.csv"), "utf8")).to.equal(CSV);
    const note = { type: "text", text: 'Files uploaded to the working directory: "data.csv", "größe 1.txt"' };
    expect(blocksOf(sent)).to.deep.include(note);
    const stream = await send(
      `/session/${id}/stream`,
      formOf([
        ["prompt", "[[say ok]]"],
        ["f", "new", "data.csv"],
      ]),
    );
    expect(stream.text).to.include("event: done").and.to.include("data: ok");
    expect(readFileSync(join(workdir, "data.csv"), "utf8")).to.equal("new");
  });

  it("are stored in a session's own folder that has gone, which the response says", async () => {
    const session = await newSession();
    const hi = formOf([["prompt", "[[say hi]]"]]);
    // A live process would stay in the removed folder.
    await send(`/session/${session.session_id}`, hi);
    rmSync(session.workdir, { recursive: true });
    const form = formOf([
      ["prompt", "[[bash cat data.csv]]"],
      ["file", CSV, "data.csv"],
    ]);
    const { status, answer } = await send(`/session/${session.session_id}`, form);
    expect(status, JSON.stringify(answer)).to.equal(200);
    expect(answer).to.include({ result: `Bash answered: ${CSV.trim()}`, workdir_recreated: true });
    const next = await send(`/session/${session.session_id}`, hi);
    expect(next.answer).to.not.have.property("workdir_recreated");
  });

  it("take the request as one part of JSON, as fields, or as both", async () => {
    const asked = (parts: readonly Part[]) => send("/task", formOf(parts));
    const request = JSON.stringify({ prompt: "[[say whole]]", events: ["tools"], metadata: { a: "b" } });
    expect((await asked([["request", request]])).answer.result).to.equal("whole");
    expect((await asked([["request", request, "blob"]])).answer.result).to.equal("whole");
    const both = await asked([
      ["request", request],
      ["timeout_secs", "30"],
      ["system_prompt", "[1]"],
    ]);
    expect(both.answer.result).to.equal("whole");
    expect(JSON.stringify(both.sent[0]?.system)).to.include("[1]");
    expect(
      (
        await asked([
          ["prompt", "42"],
          ["verbatim", "true"],
        ])
      ).answer.success,
    ).to.equal(true);
    const cases: readonly (readonly [readonly Part[], string])[] = [
      [
        [
          ["request", request],
          ["prompt", "x"],
        ],
        "prompt must be either in the part request or a part of its own",
      ],
      [[["request", "{"]], "the part request must be JSON"],
      [[["request", "[]"]], "the part request must be a JSON object"],
      [[["request", '{"prompt": "x", "__proto__": {}}']], "must not have a property __proto__"],
      [
        [
          ["prompt", "x"],
          ["timeout_secs", "soon"],
        ],
        "timeout_secs must be",
      ],
      [
        [
          ["prompt", "x"],
          ["constructor", "y"],
        ],
        'unknown field "constructor"',
      ],
      [[["file", CSV, "a.csv"]], "prompt is missing"],
      [
        [
          ["prompt", "x"],
          ["prompt", "y"],
        ],
        'the field "prompt" must be sent once',
      ],
      [
        [
          ["prompt", "x"],
          ["a", "1", "a.csv"],
          ["b", "2", "a.csv"],
        ],
        'two files have the name "a.csv"',
      ],
    ];
    for (const [parts, message] of cases) {
      const { status, answer } = await asked(parts);
      expect({ status, code: answer.code }, message).to.deep.equal({ status: 400, code: "BAD_REQUEST" });
      expect(answer.error).to.include(message);
    }
  });

  it("refuse names that are no plain names, and files that tools run, and store nothing", async () => {
    const { session_id: id, workdir } = await newSession();
    const hostile = [
      "../x",
      "/etc/x",
      "a/b",
      "..",
      ".",
      "a\\\\b",
      "C:\\\\x",
      "x\x01y",
      "x\x7f",
      "n".repeat(256),
    ];
    for (const name of hostile) {
      const body = bytesOf([
        ["prompt", "[[say x]]"],
        ["f", "first", "first.txt"],
        ["f", "x", name],
      ]);
      const { status, answer } = await send(`/session/${id}`, body);
      expect(status, name).to.equal(400);
      expect(answer.error).to.match(/^the file's name must /);
    }
    for (const name of [".envrc", ".git", ".Claude", ".mcp.json"]) {
      const body = bytesOf([
        ["prompt", "[[say x]]"],
        ["f", "first", "first.txt"],
        ["f", "x", name],
      ]);
      expect((await send(`/session/${id}`, body)).status, name).to.equal(403);
    }
    expect(readdirSync(workdir)).to.deep.equal([]);
    const without = bytesOf([
      ["prompt", "[[say x]]"],
      ["f", "", ""],
    ]);
    expect((await send(`/session/${id}`, without)).answer.result, "no file was chosen").to.equal("x");
    const nameless = bytesOf([
      ["prompt", "[[say x]]"],
      ["f", "x", ""],
    ]);
    expect((await send(`/session/${id}`, nameless)).answer.error).to.include("a file must have a name");
  });

  it("are bounded in number and size", async () => {
    const many = Array.from({ length: 21 }, (_, index): Part => ["f", "x", `${index}.txt`]);
    const fields = Array.from({ length: 65 }, (_, index): Part => [`f${index}`, "x"]);
    const cases: readonly (readonly [string, readonly Part[], string])[] = [
      ["files", many, "the form must have at most 20 files"],
      ["fields", fields, "the form must have at most 64 fields"],
      ["a field", [["prompt", "x".repeat(20_001)]], "the form must have fields of at most 20000 bytes"],
      [
        "all fields",
        [
          ["a", "x".repeat(15_000)],
          ["b", "x".repeat(15_000)],
        ],
        "the form must have fields",
      ],
      ["the body", [["f", "x".repeat(FILE_BYTES), "a.txt"]], `the body must be at most ${FILE_BYTES} bytes`],
    ];
    for (const [what, parts, message] of cases) {
      const { status, answer } = await send("/task", bytesOf(parts));
      expect({ status, code: answer.code }, what).to.deep.equal({ status: 413, code: "PAYLOAD_TOO_LARGE" });
      expect(answer.error).to.include(message);
    }
    const large = Buffer.concat([PNG, Buffer.alloc(50_000)]);
    expect(
      (
        await send(
          "/task",
          formOf([
            ["prompt", "[[say x]]"],
            ["f", large, "l.png"],
          ]),
        )
      ).status,
    ).to.equal(200);
  });

  it("refuse what is no form", async () => {
    const whole = bytesOf([
      ["prompt", "x"],
      ["f", CSV, "a.csv"],
    ]);
    for (const body of ["", "x", whole.slice(0, -10), whole.slice(0, 30), whole.replaceAll("XX", "YY")]) {
      const { status, answer } = await send("/task", body);
      expect({ status, code: answer.code }, body).to.deep.equal({ status: 400, code: "BAD_REQUEST" });
    }
    const headers = { "content-type": "multipart/form-data" };
    expect((await send("/task", whole, { headers })).answer.error).to.include("the form is invalid");
    const start = await send("/session/start", formOf([["model", "haiku"]]));
    expect(start.answer.code).to.equal("UNSUPPORTED_MEDIA_TYPE");
  });

  it("leave nothing when they are broken off", async () => {
    const { session_id: id, workdir } = await newSession();
    const folder = join(kit.gateway.dataDir, "uploads");
    const { hostname, port } = new URL(kit.gateway.url);
    const socket = connect(Number(port), hostname);
    const part = bytesOf([["f", "x".repeat(40_000), "a.txt"]]).slice(0, 30_000);
    socket.write(
      `POST /session/${id} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${KEYS.admin}\r\n` +
        `Content-Type: multipart/form-data; boundary=XX\r\nContent-Length: 50000\r\n\r\n${part}`,
    );
    await eventually("the form", async () => existsSync(folder) && readdirSync(folder).length === 1);
    socket.destroy();
    await eventually("the form gone", async () => readdirSync(folder).length === 0);
    expect(readdirSync(workdir)).to.deep.equal([]);
  });

  it("go to the caller's own sessions alone, and where files are served", async () => {
    const { session_id: id, workdir } = await newSession();
    const form = () =>
      formOf([
        ["prompt", "[[say x]]"],
        ["f", CSV, "a.csv"],
      ]);
    expect((await send(`/session/${id}`, form(), { key: KEYS.bob })).status).to.equal(404);
    expect((await send(`/session/${id}`, form(), { key: "sk-wrong-0123456789abcdef" })).status).to.equal(401);
    expect(readdirSync(workdir)).to.deep.equal([]);
    const task = await send("/task", form());
    expect({ status: task.status, code: task.answer.code }).to.deep.equal({ status: 403, code: "FORBIDDEN" });
    expect(task.answer.error).to.include("are not served");
  });

  it("are stored in a task's workdir that the key's configuration names", async () => {
    const config = `[keys.admin]\nworkdirs = [${JSON.stringify(named)}]\n`;
    const other = await OptionsGateway.start({ config });
    try {
      const body = formOf([
        ["prompt", "[[bash cat a.csv]]"],
        ["workdir", named],
        ["f", CSV, "a.csv"],
      ]);
      const response = await fetch(`${other.gateway.url}/task`, {
        method: "POST",
        headers: { authorization: `Bearer ${KEYS.admin}` },
        body,
      });
      const answer = Object(await response.json());
      expect(answer.result, JSON.stringify(answer)).to.include("a,b\n1,2");
    } finally {
      await other.dispose();
    }
  });

  it("are one turn for an idempotency key, whatever separates the parts", async () => {
    const { session_id: id, workdir } = await newSession();
    const headers = { "idempotency-key": "upload-1" };
    const parts: readonly Part[] = [
      ["prompt", "[[bash cat a.csv]]"],
      ["f", CSV, "a.csv"],
    ];
    const first = await send(`/session/${id}`, formOf(parts), { headers });
    writeFileSync(join(workdir, "a.csv"), "changed since");
    const again = await send(`/session/${id}`, bytesOf(parts), { headers });
    expect(again.headers.get("x-turn-id")).to.equal(first.headers.get("x-turn-id"));
    expect(readFileSync(join(workdir, "a.csv"), "utf8"), "stored once").to.equal("changed since");
    const changed = formOf([
      ["prompt", "[[bash cat a.csv]]"],
      ["f", "other", "a.csv"],
    ]);
    expect((await send(`/session/${id}`, changed, { headers })).status).to.equal(409);
  });

  it("that a killed gateway left are removed at the next start", async () => {
    const left = join(kit.gateway.dataDir, "uploads", "left");
    await kit.gateway.stop("SIGKILL");
    mkdirSync(left, { recursive: true });
    await kit.gateway.launch();
    expect(existsSync(left)).to.equal(false);
  });
});

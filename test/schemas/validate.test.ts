import { expect } from "chai";
import {
  createAjv,
  explain,
  isObject,
  type SchemaName,
  schemaOf,
  type TaskRequest,
  validate,
} from "#schemas/index.js";

function messageOf(name: SchemaName, value: unknown): string {
  const checked = validate(name, value);
  return checked.ok ? "ok" : checked.message;
}

const NEW_FIELDS = `known fields: ${namesOf("task-request")}`;

function namesOf(name: SchemaName): string {
  const { properties } = schemaOf(name);
  const names = isObject(properties) ? Object.keys(properties) : [];
  return names.join(", ");
}

const REFUSED: readonly (readonly [SchemaName, unknown, string])[] = [
  [
    "task-request",
    {},
    "prompt is missing; it must be a string that is not blank or a list of content blocks",
  ],
  [
    "task-request",
    { prompt: "hi", metadata: Object.fromEntries(Array.from({ length: 17 }, (_, at) => [`n${at}`, "x"])) },
    "metadata must have at most 16 entries, got 17",
  ],
  ["config", { accounts: { main: {} } }, "accounts.main must have at least 1 entry, got 0"],
  [
    "task-request",
    { prompt: "hi", metadata: { "a b": "x" } },
    'each name in metadata must be 1 to 64 letters, digits, _, - and ., got "a b"',
  ],
  [
    "session-turn-request",
    { prompt: "hi", client_tools: { "": {} } },
    'each name in client_tools must be 1 to 64 letters, digits, _ and -, got ""',
  ],
  ["task-request", { promt: "hi" }, 'unknown field "promt"; did you mean prompt?'],
  ["task-request", { prompt: "hi", timeout: 5 }, 'unknown field "timeout"; did you mean timeout_secs?'],
  [
    "task-request",
    { prompt: "hi", timeoutSecs: 5 },
    'unknown field "timeoutSecs"; did you mean timeout_secs?',
  ],
  ["task-request", { prompt: "hi", zebra: 5 }, `unknown field "zebra"; ${NEW_FIELDS}`],
  ["task-request", { prompt: "hi", "a\nb\u2028": 5 }, `unknown field "a\\nb\\u2028"; ${NEW_FIELDS}`],
  ["task-request", JSON.parse('{"prompt":"hi","__proto__":{}}'), `unknown field "__proto__"; ${NEW_FIELDS}`],
  ["task-request", [], "body must be an object, got an empty array"],
  ["task-request", null, "body must be an object, got null"],
  ["task-request", "hi", 'body must be an object, got "hi"'],
  [
    "task-request",
    { prompt: "" },
    'prompt must be a string that is not blank or a list of content blocks, got ""',
  ],
  [
    "task-request",
    { prompt: null },
    "prompt must be a string that is not blank or a list of content blocks, got null",
  ],
  [
    "task-request",
    { prompt: ["hi"] },
    'prompt[0] must be a text, image, document or tool_result block, got "hi"',
  ],
  [
    "task-request",
    { prompt: "hi", timeout_secs: "ten" },
    'timeout_secs must be a number greater than 0 and at most 86400, got "ten"',
  ],
  [
    "task-request",
    { prompt: "hi", timeout_secs: 0 },
    "timeout_secs must be a number greater than 0 and at most 86400, got 0",
  ],
  [
    "task-request",
    { prompt: "hi", timeout_secs: 1e9 },
    "timeout_secs must be a number greater than 0 and at most 86400, got 1000000000",
  ],
  [
    "task-request",
    { prompt: "hi", stream: "detla" },
    'stream must be text or delta, got "detla"; did you mean delta?',
  ],
  ["task-request", { prompt: "hi", verbatim: "yes" }, 'verbatim must be true or false, got "yes"'],
  [
    "task-request",
    { prompt: "hi", model: "--resume" },
    'model must be the name or alias of a model, such as sonnet, got "--resume"',
  ],
  [
    "task-request",
    { prompt: "hi", workdir: "/tmp/\0" },
    'workdir must be the path of a folder, at most 4096 characters, got "/tmp/\\u0000"',
  ],
  ["task-request", { prompt: [{ type: "image" }] }, "prompt[0].source is missing; it must be an object"],
  [
    "task-request",
    { prompt: [{ type: "image", source: { type: "url" } }] },
    "prompt[0].source.url is missing; it must be an http or https URL",
  ],
  [
    "task-request",
    { prompt: "hi", mcp_servers: { a: { type: "http", url: "http://x", headersHelper: "x" } } },
    'unknown field "mcp_servers.a.headersHelper"; known fields: type, command, args, env, timeout, alwaysLoad, url, headers',
  ],
  ["session-turn-request", { prompt: "hi", modle: "opus" }, 'unknown field "modle"; did you mean model?'],
  [
    "session-start-request",
    { system_promt: "x" },
    'unknown field "system_promt"; did you mean system_prompt?',
  ],
  [
    "approve-request",
    { tool_use_ids: [] },
    "tool_use_ids must be a list of at least one tool_use_id of a denied call, without duplicates, got an empty array",
  ],
  [
    "approve-request",
    { tool_use_ids: ["a", "a"] },
    "tool_use_ids must be a list of at least one tool_use_id of a denied call, without duplicates, got a duplicate item",
  ],
  ["approve-request", { tool_use_ids: ["a", 3] }, "tool_use_ids[1] must be a non-empty string, got 3"],
  [
    "stream-event",
    { event: "queued", data: { position: 0 } },
    "data.position must be an integer of at least 1, got 0",
  ],
  [
    "stream-event",
    { event: "texts", data: "" },
    'event must be queued, text, tool_call, tool_result, thinking, retry, limit, task, question, usage, compacted, missed, permission_request, permission_resolved, permission_denied, done or error, got "texts"',
  ],
];

describe("validate", () => {
  for (const [name, value, message] of REFUSED) {
    it(`refuses ${JSON.stringify(value)} as a ${name}`, () => {
      expect(messageOf(name, value)).to.equal(message);
    });
  }

  it("fills in the contract's defaults, in a copy", () => {
    const given = { prompt: "hi" };
    const checked = validate("task-request", given);
    if (!checked.ok) throw new Error(checked.message);
    const task: TaskRequest = checked.value;
    expect(task).to.deep.equal({
      prompt: "hi",
      model: "sonnet",
      timeout_secs: 120,
      verbatim: false,
      stream: "text",
      detach: false,
    });
    expect(given).to.deep.equal({ prompt: "hi" });
    expect(validate("session-turn-request", given)).to.have.nested.property("value.timeout_secs", 600);
    expect(validate("session-start-request", {})).to.deep.equal({ ok: true, value: { model: "sonnet" } });
  });

  it("accepts a complete response, and one with an estimated cost", () => {
    const answer = {
      session_id: "550e8400-e29b-41d4-a716-446655440000",
      result: "x",
      success: false,
      duration_ms: 3,
      tokens: { input: 24, output: 156, cache_read: 0, cache_write: 0 },
      cost_usd: null,
      error: "interrupted",
      permission_denials: [{ tool_name: "Write", tool_use_id: "toolu_1", tool_input: { file_path: "/x" } }],
      cost_estimated: true,
      code: "TIMEOUT",
    };
    expect(messageOf("turn-response", answer)).to.equal("ok");
    expect(messageOf("event-done", { event: "done", data: answer })).to.equal("ok");
    expect(messageOf("turn-response", { ...answer, code: "MY_BUDGET" })).to.equal("ok");
    expect(messageOf("turn-response", { ...answer, code: "late" })).to.not.equal("ok");
  });

  it("shows no more than 60 characters of a value, whole ones", () => {
    const message = messageOf("task-request", {
      prompt: "hi",
      stream: `${"x".repeat(59)}😀${"x".repeat(1e6)}`,
    });
    expect(message).to.equal(`stream must be text or delta, got "${"x".repeat(59)}…"`);
  });

  it("keeps every message on one line, whatever the client sends", () => {
    const nasty = "\n\r\u0085\u2028\u2029\u202e\u0007";
    for (const value of [{ [nasty]: 1, prompt: "" }, { prompt: "x", stream: nasty }, nasty]) {
      expect(messageOf("task-request", value)).to.not.match(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
    }
  });

  it("is quick to refuse a body of a hundred thousand unknown fields", () => {
    const body = Object.fromEntries(Array.from({ length: 100_000 }, (_, index) => [`field_${index}`, 1]));
    const before = process.cpuUsage();
    expect(messageOf("task-request", body)).to.equal(
      "prompt is missing; it must be a string that is not blank or a list of content blocks",
    );
    // Processor time, which other programs add nothing to; quadratic work would be minutes.
    expect(process.cpuUsage(before).user).to.be.lessThan(2_000_000);
  });
});

describe("a third-party schema", () => {
  const schema = {
    type: "object",
    additionalProperties: false,
    required: ["chat_id"],
    properties: {
      bot_token: { type: "string", minLength: 30 },
      chat_id: { type: "string", default: "-1" },
      hook: { $ref: "#/$defs/hidden" },
      relay: { type: "string", maxLength: 3 },
      mode: {
        oneOf: [
          { type: "string" },
          { type: "object", additionalProperties: false, properties: { chat: { type: "integer" } } },
        ],
      },
      answers: { type: "array", items: { type: "object", properties: { password: { const: "x" } } } },
    },
    $defs: { hidden: { type: "string", format: "uri", "x-secret": true } },
  };
  const isValid = createAjv().compile(schema);
  const words = { path: "plugins.telegram", noun: "setting", secrets: ["hunter2"] };
  const says = (value: unknown) =>
    isValid(value) ? value : explain(isValid.errors, { ...words, schema, value });

  it("names the section, the field in it, and the nearest right name", () => {
    expect(says({ bot_tokn: "123:abc" })).to.equal(
      'unknown setting "plugins.telegram.bot_tokn"; did you mean bot_token?',
    );
    expect(says({ mode: { chta: 1 } })).to.equal(
      'unknown setting "plugins.telegram.mode.chta"; did you mean chat?',
    );
    expect(says({ mode: { chat: "x" } })).to.equal('plugins.telegram.mode.chat must be an integer, got "x"');
    expect(says({ mode: 3 })).to.equal("plugins.telegram.mode must be a string or an object, got 3");
    expect(says(3)).to.equal("plugins.telegram must be an object, got 3");
  });

  it("never shows a value that is marked, named like a secret, or known as one", () => {
    expect(says({ hook: "no uri s3cret" })).to.equal(
      "plugins.telegram.hook must be a string in the format uri, got a string (not shown)",
    );
    expect(says({ bot_token: "s3cret" })).to.equal(
      "plugins.telegram.bot_token must be a string of at least 30 characters, got a string (not shown)",
    );
    expect(says({ answers: [{ password: "s3cret" }] })).to.equal(
      "plugins.telegram.answers[0].password must be x, got a string (not shown)",
    );
    expect(says({ relay: "user:hunter2@host" })).to.equal(
      "plugins.telegram.relay must be a string of at most 3 characters, got a string (not shown)",
    );
  });

  it("fills defaults in, also where they are required", () => {
    expect(says({})).to.deep.equal({ chat_id: "-1" });
  });

  it("uses the message of ajv for other keywords", () => {
    const odd = { type: "object", dependentRequired: { user: ["login"] } };
    const isOdd = createAjv().compile(odd);
    expect(isOdd({ user: 1 })).to.equal(false);
    expect(explain(isOdd.errors, { schema: odd, value: { user: 1 } })).to.equal(
      "body must have property login when property user is present",
    );
  });
});

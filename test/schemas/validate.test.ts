import { expect } from "chai";
import { createAjv, explain, type SchemaName, type TaskRequest, validate } from "#schemas/index.js";

function messageOf(name: SchemaName, value: unknown): string {
  const checked = validate(name, value);
  return checked.ok ? "ok" : checked.message;
}

const NEW_FIELDS = "takes prompt, model, system_prompt, workdir, timeout_secs, verbatim, stream or detach";

const REFUSED: readonly (readonly [SchemaName, unknown, string])[] = [
  ["task-request", {}, "prompt: missing; takes a string that is not empty"],
  ["task-request", { promt: "hi" }, "promt: unknown field; did you mean prompt?"],
  ["task-request", { prompt: "hi", timeout: 5 }, "timeout: unknown field; did you mean timeout_secs?"],
  [
    "task-request",
    { prompt: "hi", timeoutSecs: 5 },
    "timeoutSecs: unknown field; did you mean timeout_secs?",
  ],
  ["task-request", { prompt: "hi", zebra: 5 }, `zebra: unknown field; ${NEW_FIELDS}`],
  ["task-request", { prompt: "hi", "a\nb\u2028": 5 }, `"a\\nb\\u2028": unknown field; ${NEW_FIELDS}`],
  ["task-request", JSON.parse('{"prompt":"hi","__proto__":{}}'), `__proto__: unknown field; ${NEW_FIELDS}`],
  ["task-request", [], "body: is an empty array; takes an object"],
  ["task-request", null, "body: is null; takes an object"],
  ["task-request", "hi", 'body: is "hi"; takes an object'],
  ["task-request", { prompt: "" }, "prompt: is empty; takes a string that is not empty"],
  ["task-request", { prompt: null }, "prompt: is null; takes a string that is not empty"],
  ["task-request", { prompt: ["hi"] }, "prompt: is an array of 1 item; takes a string that is not empty"],
  [
    "task-request",
    { prompt: "hi", timeout_secs: "ten" },
    'timeout_secs: is "ten"; takes a number greater than 0, at most 86400',
  ],
  [
    "task-request",
    { prompt: "hi", timeout_secs: 0 },
    "timeout_secs: is 0; takes a number greater than 0, at most 86400",
  ],
  [
    "task-request",
    { prompt: "hi", timeout_secs: 1e9 },
    "timeout_secs: is 1000000000; takes a number greater than 0, at most 86400",
  ],
  [
    "task-request",
    { prompt: "hi", stream: "detla" },
    'stream: is "detla"; takes text or delta; did you mean delta?',
  ],
  ["task-request", { prompt: "hi", verbatim: "yes" }, 'verbatim: is "yes"; takes true or false'],
  [
    "task-request",
    { prompt: "hi", model: "--resume" },
    'model: is "--resume"; takes the name or alias of a model, such as sonnet',
  ],
  [
    "task-request",
    { prompt: "hi", workdir: "/tmp/\0" },
    'workdir: is "/tmp/\\u0000"; takes the path of a folder, at most 4096 characters',
  ],
  [
    "session-turn-request",
    { prompt: "hi", modle: "opus" },
    "modle: unknown field; takes prompt, timeout_secs, verbatim, stream, detach, restart_conversation or withdraw_pending",
  ],
  [
    "session-start-request",
    { system_promt: "x" },
    "system_promt: unknown field; did you mean system_prompt?",
  ],
  [
    "approve-request",
    { tool_use_ids: [] },
    "tool_use_ids: is an empty array; takes a list of the tool_use_ids of denied calls, at least one, none twice",
  ],
  [
    "approve-request",
    { tool_use_ids: ["a", "a"] },
    "tool_use_ids: has an item twice; takes a list of the tool_use_ids of denied calls, at least one, none twice",
  ],
  ["approve-request", { tool_use_ids: ["a", 3] }, "tool_use_ids[1]: is 3; takes a string that is not empty"],
  [
    "stream-event",
    { event: "queued", data: { position: 0 } },
    "data.position: is 0; takes a whole number of at least 1",
  ],
  [
    "stream-event",
    { event: "texts", data: "" },
    'event: is "texts"; takes queued, text, permission_request, permission_resolved, permission_denied, done or error',
  ],
];

describe("validate", () => {
  for (const [name, value, message] of REFUSED) {
    it(`refuses ${JSON.stringify(value)} as a ${name}`, () => {
      expect(messageOf(name, value)).to.equal(message);
    });
  }

  it("fills the contract's defaults in, in a copy", () => {
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

  it("takes a whole answer, and one that is an estimate", () => {
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
    expect(messageOf("turn-response", { ...answer, code: "LATE" })).to.match(
      /^code: is "LATE"; takes BAD_REQUEST, /,
    );
  });

  it("shows no more than 60 characters of a value, whole ones", () => {
    const message = messageOf("task-request", {
      prompt: "hi",
      stream: `${"x".repeat(59)}😀${"x".repeat(1e6)}`,
    });
    expect(message).to.equal(`stream: is "${"x".repeat(59)}…"; takes text or delta`);
  });

  it("keeps every message on one line, whatever the client sends", () => {
    const nasty = "\n\r\u0085\u2028\u2029\u202e\u0007";
    for (const value of [{ [nasty]: 1, prompt: "" }, { prompt: "x", stream: nasty }, nasty]) {
      expect(messageOf("task-request", value)).to.not.match(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
    }
  });

  it("is quick to refuse a body of a hundred thousand unknown fields", () => {
    const body = Object.fromEntries(Array.from({ length: 100_000 }, (_, index) => [`field_${index}`, 1]));
    const before = performance.now();
    expect(messageOf("task-request", body)).to.equal("prompt: missing; takes a string that is not empty");
    expect(performance.now() - before).to.be.lessThan(2000);
  });
});

describe("a schema of somebody else's", () => {
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
      "plugins.telegram.bot_tokn: unknown setting; did you mean bot_token?",
    );
    expect(says({ mode: { chta: 1 } })).to.equal(
      "plugins.telegram.mode.chta: unknown setting; did you mean chat?",
    );
    expect(says({ mode: { chat: "x" } })).to.equal(
      'plugins.telegram.mode.chat: is "x"; takes a whole number',
    );
    expect(says({ mode: 3 })).to.equal("plugins.telegram.mode: is 3; takes a string or an object");
    expect(says(3)).to.equal("plugins.telegram: is 3; takes an object");
  });

  it("never shows a value that is marked, named like a secret, or known as one", () => {
    expect(says({ hook: "no uri s3cret" })).to.equal(
      "plugins.telegram.hook: is a string (not shown); takes a string in the form of a uri",
    );
    expect(says({ bot_token: "s3cret" })).to.equal(
      "plugins.telegram.bot_token: is a string (not shown); takes a string of at least 30 characters",
    );
    expect(says({ answers: [{ password: "s3cret" }] })).to.equal(
      "plugins.telegram.answers[0].password: is a string (not shown); takes x",
    );
    expect(says({ relay: "user:hunter2@host" })).to.equal(
      "plugins.telegram.relay: is a string (not shown); takes a string of at most 3 characters",
    );
  });

  it("fills defaults in, also where they are required", () => {
    expect(says({})).to.deep.equal({ chat_id: "-1" });
  });

  it("words what ajv alone can word", () => {
    const odd = { type: "object", dependentRequired: { user: ["login"] } };
    const isOdd = createAjv().compile(odd);
    expect(isOdd({ user: 1 })).to.equal(false);
    expect(explain(isOdd.errors, { schema: odd, value: { user: 1 } })).to.equal(
      "body: must have property login when property user is present",
    );
  });
});

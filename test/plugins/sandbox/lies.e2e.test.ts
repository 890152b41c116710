import { fileURLToPath } from "node:url";
import type { TurnResponse } from "@claudeway/schemas";
import { expect } from "chai";
import { TestGateway } from "../../e2e/gateway.js";

const CLI = fileURLToPath(new URL("./lying-cli.mjs", import.meta.url));
const DEEP = '"[".repeat(2e5) + "]".repeat(2e5)';
const COUNTS = "inputTokens: 1, outputTokens: 1, cacheReadInputTokens: 0, cacheCreationInputTokens: 0";
/** What `result()` costs, in USD. */
const COST = 0.001;

/** What a CLI says that tools speak for, as the code of lying-cli.mjs. */
const LIES: readonly { readonly what: string; readonly said: string }[] = [
  { what: "negative usage", said: usage("inputTokens: -5, outputTokens: -5", "costUSD: -100") },
  { what: "an infinite cost", said: replaced('"costUSD":0.001', '"costUSD":1e999') },
  { what: "a cost that can't be added up", said: replaced('"costUSD":0.001', '"costUSD":1e300') },
  { what: "a cost that is a text", said: replaced('"costUSD":0.001', '"costUSD":"5"') },
  { what: "tokens that are a text", said: replaced('"inputTokens":1', '"inputTokens":"x"') },
  { what: "too many tokens", said: replaced('"inputTokens":1', '"inputTokens":1e300') },
  { what: "half a token", said: replaced('"inputTokens":1', '"inputTokens":1.5') },
  { what: "no tokens", said: "result({ modelUsage: { m: {} } })" },
  { what: "no usage", said: "result({ modelUsage: null })" },
  { what: "usage of no model", said: "result({ modelUsage: { m: null } })" },
  { what: "usage without a field", said: "result({ modelUsage: undefined })" },
  {
    what: "50,000 models",
    said: `result({ modelUsage: Object.fromEntries(Array.from({ length: 5e4 }, (_, i) => ["m" + i, { ${COUNTS}, costUSD: 0 }])) })`,
  },
  {
    what: "a model with a name of 5 MB",
    said: `result({ modelUsage: { ["m".repeat(5e6)]: { ${COUNTS}, costUSD: 0 } } })`,
  },
  { what: "no denials", said: "result({ permission_denials: undefined })" },
  { what: "denials of nothing", said: "result({ permission_denials: [null, 5, {}] })" },
  {
    what: "a denial that is too deep",
    said: replaced(
      '"permission_denials":[]',
      `"permission_denials":[{"tool_name":"x","tool_use_id":"y","tool_input":' + ${DEEP} + '}]`,
    ),
  },
  { what: "a number as its text", said: "result({ result: 5 })" },
  { what: "nothing as its text", said: "result({ result: null })" },
  { what: "an object as its text", said: "result({ result: {} })" },
  { what: "an error without errors", said: failed("errors: undefined") },
  { what: "an error with other errors", said: failed("errors: [null, {}]") },
  { what: "a session by a path", said: 'result({ session_id: "../../../admin/projects/x/y" })' },
  { what: "a session that is an option", said: 'result({ session_id: "--settings" })' },
  { what: "a session with a name of 1 MB", said: 'result({ session_id: "a".repeat(1e6) })' },
  { what: "a session that is an object", said: "result({ session_id: {} })" },
  {
    what: "a deferred call that was never made",
    said: 'result({ deferred_tool_use: { id: "x", name: "Bash", input: {} } })',
  },
  { what: "a message without one", said: `['{"type":"assistant"}', result()]` },
  { what: "a message of invalid blocks", said: message('"content":[null],"usage":{}') },
  { what: "a message whose content is a number", said: message('"content":5,"usage":{}') },
  {
    what: "a message with negative usage",
    said: message('"content":[],"usage":{"input_tokens":-1e12,"output_tokens":-1}'),
  },
  { what: "events without events", said: `['{"type":"stream_event","event":null}', result()]` },
  { what: "a limit without one", said: `['{"type":"rate_limit_event"}', result()]` },
  { what: "invalid tasks", said: system('"subtype":"background_tasks_changed","tasks":[null,5]') },
  { what: "notices of no task", said: system('"subtype":"task_notification"') },
  {
    what: "answers to no question, and questions of no hook",
    said: `['{"type":"control_response"}', '{"type":"control_response","response":null}', '{"type":"control_request"}', '{"type":"control_request","request_id":"2","request":{"subtype":"hook_callback","callback_id":"hook_0","input":null}}', '{"type":"control_x', result()]`,
  },
  {
    what: "a transcript elsewhere",
    said: `['{"type":"transcript_mirror","filePath":"/etc/passwd","entries":[1]}', result()]`,
  },
  { what: "10,000 results", said: "Array.from({ length: 1e4 }, () => result())" },
  {
    what: "500,000 messages of no type",
    said: `[flood('{"type":"x"}\\n'.repeat(1000), 500), result()].flat()`,
  },
  { what: "a line of 200 MB", said: '[flood("y".repeat(1e6), 200), result()].flat()' },
  {
    what: "a text of 100 MB",
    said: `[flood('{"type":"stream_event","event":{"type":"content_block_delta","delta":{"type":"text_delta","text":"' + "x".repeat(1e6) + '"}},"parent_tool_use_id":null}\\n', 100), result()].flat()`,
  },
];

function replaced(from: string, to: string): string {
  return `result().replace('${from}', '${to}')`;
}

function usage(counts: string, cost: string): string {
  return `result({ modelUsage: { m: { ${COUNTS}, ${counts}, ${cost} } } })`;
}

function failed(errors: string): string {
  return `result({ subtype: "error_during_execution", is_error: true, ${errors} })`;
}

function message(fields: string): string {
  return `['{"type":"assistant","parent_tool_use_id":null,"message":{"model":"m","id":"i",${fields}}}', result()]`;
}

function system(fields: string): string {
  return `['{"type":"system",${fields}}', result()]`;
}

describe("a CLI that lies", () => {
  let gateway: TestGateway;
  let pid: number;
  before(async () => {
    const config = "[engine]\nspares = 0\n";
    gateway = await TestGateway.start({ args: ["--claude-bin", CLI], config, env: { IS_SANDBOX: "1" } });
    pid = gateway.pid;
  });
  after(() => gateway?.dispose());

  const say = (prompt: string) =>
    gateway.request<TurnResponse>("/task", { body: { prompt, timeout_secs: 120 } });

  it("is believed where it says what the CLI can say", async () => {
    const { status, body } = await say("result()");
    expect([status, body.success, body.result, body.cost_usd]).to.deep.equal([200, true, "said", COST]);
  });

  for (const { what, said } of LIES) {
    it(`says ${what}, and its turn ends without harm`, async () => {
      const { status, body } = await say(said);
      expect(status).to.equal(200);
      expect(body.cost_usd).to.be.within(0, COST);
      for (const count of Object.values(body.tokens)) expect(count).to.be.within(0, 10);
      expect(JSON.stringify(body).length).to.be.below(100_000);
      expect((await gateway.request("/health", { key: null })).status).to.equal(200);
      expect(gateway.pid).to.equal(pid);
    });
  }

  it("has cost what valid results say", async () => {
    expect((await say("result()")).body.cost_usd).to.equal(COST);
  });
});

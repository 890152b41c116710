import { writeFile } from "node:fs/promises";
import { expect } from "chai";
import { blocksOf } from "../docs/blocks.js";
import { KEYS } from "../e2e/gateway.js";
import { OptionsGateway } from "../e2e/options-kit.js";
import { eventually } from "../e2e/poll.js";
import { hasPypi, pythonWithClients, runCases, runProgram } from "./python-clients.js";
import { Recorder } from "./recorder.js";

const ALL = [
  "plain",
  "streamed",
  "multi-turn",
  "image",
  "structured",
  "tools",
  "error",
  "rate-limit",
  "cancel",
];
const CLIENTS: Readonly<Record<string, readonly [args: readonly string[], cases: readonly string[]]>> = {
  "openai-chat": [["openai_chat.py"], ALL],
  "openai-responses": [["openai_responses.py"], ALL],
  anthropic: [["anthropic_messages.py"], ALL],
  instructor: [
    ["instructor_client.py"],
    [
      "structured",
      "structured-json",
      "structured-json-schema",
      "structured-anthropic",
      "structured-streamed",
      "error",
    ],
  ],
  "langchain-openai": [["langchain_client.py", "langchain-openai"], ALL],
  "langchain-anthropic": [["langchain_client.py", "langchain-anthropic"], ALL],
  "litellm-openai": [["litellm_client.py", "litellm-openai"], ALL],
  "litellm-anthropic": [["litellm_client.py", "litellm-anthropic"], ALL],
};
/** How many clients run at once. */
const JOBS = 3;
/** A key for each client: two conversations of one key that say the same are one, and the second request would fork it. */
const keyOf = (client: string) => `sk-${client}-0123456789abcdef`;
/** Where requests are recorded to, which `npm test` replays. */
const FIXTURES =
  process.env["WRITE_REQUESTS"] === "1" ? new URL("./requests.json", import.meta.url) : undefined;

describe("clients in Python, from PyPI, with the real CLI and the scripted model", () => {
  let options: OptionsGateway;
  let recorder: Recorder;
  let runRecipe: (program: string) => Promise<string>;
  const results = new Map<string, ReadonlyMap<string, string | null> | Error>();

  before(async function () {
    const python = await pythonWithClients().catch(async (error: unknown) => {
      if (await hasPypi()) throw error;
      process.stdout.write("  PyPI can't be reached: the clients in Python are left out\n");
      return undefined;
    });
    if (python === undefined) {
      this.skip();
      return;
    }
    options = await OptionsGateway.start({
      config: "[plugins.openai]\nenabled = true\n\n[plugins.anthropic]\nenabled = true\n",
      env: {
        WRAPPER_KEYS: [...Object.entries(KEYS), ...Object.keys(CLIENTS).map((one) => [one, keyOf(one)])]
          .map(([id, secret]) => `${id}:${secret}`)
          .join(","),
      },
    });
    recorder = await Recorder.start(options.gateway.url);
    const env = {
      PATH: process.env["PATH"],
      HOME: process.env["HOME"],
      CLAUDEWAY_URL: recorder.url,
      LITELLM_LOCAL_MODEL_COST_MAP: "True",
      LANGSMITH_TRACING: "false",
      NO_PROXY: "127.0.0.1",
      PYTHONDONTWRITEBYTECODE: "1",
    };
    const left = Object.entries(CLIENTS);
    const work = async () => {
      for (let next = left.shift(); next !== undefined; next = left.shift()) {
        const [client, [args]] = next;
        const withKey = { ...env, CLAUDEWAY_KEY: keyOf(client) };
        results.set(client, await runCases(python, args, withKey).catch((error: Error) => error));
      }
    };
    await Promise.all(Array.from({ length: JOBS }, work));
    const { url } = options.gateway;
    runRecipe = (program) =>
      runProgram(python, program, {
        ...env,
        OPENAI_BASE_URL: `${url}/v1`,
        OPENAI_API_KEY: KEYS.bob,
        ANTHROPIC_BASE_URL: url,
        ANTHROPIC_API_KEY: KEYS.bob,
      });
  });
  after(async () => {
    if (FIXTURES !== undefined) {
      const sorted = Object.keys(CLIENTS).flatMap((client) =>
        recorder.requests.filter((one) => one.client === client && one.case !== "cancel"),
      );
      await writeFile(FIXTURES, `${JSON.stringify(sorted, null, 2)}\n`);
    }
    await recorder?.close();
    await options?.dispose();
  });

  for (const [client, [, cases]] of Object.entries(CLIENTS))
    for (const name of cases)
      it(`${client}: ${name}`, async () => {
        const result = results.get(client);
        if (result === undefined || result instanceof Error) throw result ?? new Error("it did not run");
        expect(result.get(name), result.get(name) ?? "").to.equal(null);
        const requests = recorder.of(client, name);
        expect(requests).to.not.be.empty;
        if (name === "multi-turn" || name === "tools")
          expect(requests.map(({ history }) => history)).to.deep.equal(["new", "live"]);
        if (name === "cancel")
          await eventually("the turn's end", () =>
            options.model.requests().every(({ end }) => end !== "open"),
          );
      });

  for (const { text, line } of blocksOf(new URL("../../docs/clients.md", import.meta.url)).filter(
    ({ language }) => language === "python",
  ))
    it(`docs/clients.md, line ${line}`, async () => {
      expect(await runRecipe(text)).to.match(/^(?:word1 word2 word3|Ada)\n/);
    });
});

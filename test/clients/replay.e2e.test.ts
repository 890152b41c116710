import { readFile } from "node:fs/promises";
import { expect } from "chai";
import { KEYS } from "../e2e/gateway.js";
import { OptionsGateway } from "../e2e/options-kit.js";
import type { Recorded } from "./recorder.js";

const RECORDED: readonly Recorded[] = JSON.parse(
  await readFile(new URL("./requests.json", import.meta.url), "utf8"),
);

/**
 * What clients in Python sent (`WRITE_REQUESTS=1 npm run test:clients`), sent again: nothing of theirs is refused that was
 * accepted, and their chats go on live.
 */
describe("the requests of clients in Python, with the real CLI and the scripted model", () => {
  let options: OptionsGateway;
  /** The id of the response before, for requests that refer to it. */
  let previous: unknown;
  before(async () => {
    options = await OptionsGateway.start({
      config: "[plugins.openai]\nenabled = true\n\n[plugins.anthropic]\nenabled = true\n",
    });
  });
  after(() => options.dispose());

  async function send({ method, path, headers: { auth, ...headers }, body, status }: Recorded) {
    const secret = status === 401 ? "sk-wrong" : KEYS.bob;
    const key = auth === "x-api-key" ? { "x-api-key": secret } : { authorization: `Bearer ${secret}` };
    const text = JSON.stringify(body).replace(/"resp_[0-9a-f]{32}"/g, JSON.stringify(previous ?? null));
    const response = await fetch(options.gateway.url + path, {
      method,
      headers: { ...headers, ...key },
      ...(body !== null && { body: text }),
    });
    const answer = await response.text();
    if (response.headers.get("content-type")?.startsWith("application/json"))
      previous = JSON.parse(answer).id;
    return { status: response.status, history: response.headers.get("x-claudeway-history"), answer };
  }

  for (const client of new Set(RECORDED.map((one) => one.client)))
    it(client, async () => {
      for (const one of RECORDED.filter((request) => request.client === client)) {
        const { status, history, answer } = await send(one);
        expect(status, `${one.case}: ${answer}`).to.equal(one.status);
        if (one.case === "multi-turn") expect(history).to.equal(one.history);
        expect(answer, one.case).to.not.match(/^event: error|^data: \{"error"/m);
      }
    });
});

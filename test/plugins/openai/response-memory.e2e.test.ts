import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { KEYS, TestGateway } from "../../e2e/gateway.js";
import { eventually } from "../../e2e/poll.js";
import { areTwoNodes } from "../../e2e/two-nodes.js";

/** A chain of three has 30 MB. */
const BIG = "x".repeat(10_000_000);
/** Far more than a heap of 512 MB holds. */
const MANY = 60;
const REFUSED = "too many stored responses are being read at once";

describe("stored responses of openai that many requests read at once", () => {
  let gateway: TestGateway;
  before(async function () {
    // Its responses are files only where one gateway works alone.
    if (areTwoNodes()) this.skip();
    gateway = await TestGateway.start({
      config: "[engine]\nmax_running = 1\nspares = 0\n[plugins.openai]\nenabled = true\n",
      env: { NODE_OPTIONS: "--max-old-space-size=512", IS_SANDBOX: "1" },
    });
    const folder = join(gateway.dataDir, "plugins", "openai", "responses");
    mkdirSync(folder, { recursive: true });
    for (const n of [1, 2, 3]) {
      const stored = {
        keyId: "bob",
        parent: n === 1 ? undefined : idOf(n - 1),
        input: [{ role: "user", content: BIG }],
        output: "yes",
        body: { id: idOf(n), object: "response", output: [] },
      };
      writeFileSync(join(folder, `${numberOf(n)}.json`), JSON.stringify(stored));
    }
    // The only place is taken.
    const hanging = { body: { prompt: "[[hang]]", detach: true }, key: KEYS.admin };
    expect((await fetchAs("/task/stream", hanging)).status).to.equal(200);
    leave();
  });
  after(async () => {
    leave();
    await gateway?.stop("SIGKILL");
    await gateway?.dispose();
  });

  const numberOf = (n: number) => String(n).padStart(32, "0");
  const idOf = (n: number) => `resp_${numberOf(n)}`;
  let client = new AbortController();
  const leave = () => {
    client.abort();
    client = new AbortController();
  };

  function fetchAs(path: string, { body, key = KEYS.bob }: { body?: object; key?: string } = {}) {
    return fetch(gateway.url + path, {
      ...(body !== undefined && { method: "POST", body: JSON.stringify(body) }),
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      signal: client.signal,
    });
  }

  it("are refused where they would fill its memory, until others have ended", async () => {
    const body = { model: "sonnet", input: "hi", previous_response_id: idOf(3) };
    let refused = 0;
    for (let n = 0; n < MANY; n++) {
      fetchAs("/v1/responses", { body })
        .then(async (answer) => {
          const isRefusal = (await answer.text()).includes(REFUSED);
          if (answer.status === 503 && answer.headers.get("retry-after") === "5" && isRefusal) refused++;
        })
        .catch(() => undefined);
    }
    await eventually("refusals", () => refused >= MANY - 5);
    expect((await fetchAs("/v1/models", { key: KEYS.admin })).status).to.equal(200);
    leave();
    await eventually("room again", async () => (await fetchAs(`/v1/responses/${idOf(3)}`)).status === 200);
  });
});

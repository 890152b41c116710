import { expect } from "chai";
import { KEYS } from "../e2e/gateway.js";
import { eventually } from "../e2e/poll.js";
import { Cluster } from "./cluster.js";
import type { ClusterNode } from "./node.js";
import { promptOf } from "./order.js";

/** A turn that only its end by others ends. */
const LONG_MS = 600_000;

describe("a key that is revoked at one of two nodes", () => {
  let cluster: Cluster;
  before(async () => {
    cluster = await Cluster.start({
      nodes: ["a", "b"],
      cluster: { shared_workdirs: true },
      args: ["--enable-plugin", "keys"],
    });
  });
  after(() => cluster?.dispose());

  async function ask({ url }: ClusterNode, path: string, secret: string, body?: object, method = "POST") {
    const response = await fetch(url + path, {
      method,
      headers: { authorization: `Bearer ${secret}`, "content-type": "application/json" },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: Object(await response.json()) };
  }

  it("has its turns at the other one interrupted, if the request says so", async () => {
    const [a, b] = [cluster.node("a"), cluster.node("b")];
    const { body: key } = await ask(a, "/admin/keys", KEYS.admin, { name: "ci" });
    const start = () => ask(b, "/session/start", key.secret, {});
    const { body: session } = await eventually("the key at b", async () => {
      const answer = await start();
      return answer.status === 200 && answer;
    });
    // The second one waits for the first.
    const answers = [1, 2].map((tag) => {
      const prompt = promptOf({ tag: `turn${tag}`, ms: LONG_MS, units: 1 });
      return ask(b, `/session/${session.session_id}`, key.secret, { prompt, timeout_secs: 3600 });
    });
    const turns = () => cluster.query(`SELECT "end" FROM turns WHERE key_id = '${key.key_id}'`);
    await eventually("both turns", async () => (await turns()).length === 2);
    await eventually("a tool", async () => (await b.children()).length > 0);
    const { body } = await ask(
      a,
      `/admin/keys/${key.key_id}?running=cancel`,
      KEYS.admin,
      undefined,
      "DELETE",
    );
    expect(body).to.include({ cancelled_turns: 2 });
    await eventually(
      "their ends",
      async () => (await turns()).every(({ end }) => end === "interrupted"),
      60_000,
    );
    for (const answer of await Promise.all(answers)) expect(answer.body).to.include({ success: false });
  });
});

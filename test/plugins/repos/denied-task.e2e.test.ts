import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { definePlugin, Refusal } from "@claudeway/core";
import type { PermissionDenial } from "@claudeway/schemas";
import { expect } from "chai";
import { eventually } from "../../e2e/poll.js";
import { type Answer, ReposGateway } from "./kit.js";

const CALLS = ["a.txt", "b.txt"].map((file_path) => ({ tool: "Write", input: { file_path } }));

describe("the checkout of a one-shot task", () => {
  /** Whether the next turns are refused after they were recorded. */
  let refuses = false;
  /** Whether Claude makes approved calls again. */
  let repeats = true;
  /** Whether each turn found what the task had made in the folder. */
  let found: boolean[];
  let repos: ReposGateway;

  const refusing = definePlugin<object>({
    name: "refusing",
    apiVersion: 1,
    configSchema: { type: "object" },
    apply(kernel) {
      kernel.hooks.beforeExecute.tap("refuse", (plan) => {
        if (refuses) throw new Refusal(429, "not now");
        return plan;
      });
    },
  });
  const approvedIn = (prompt: string) =>
    prompt.split("\n").flatMap((line) => (line.startsWith("{") ? [JSON.parse(line)] : []));

  before(async () => {
    repos = await ReposGateway.start(
      {},
      {
        config: { no_permissions_bypass: true },
        replies: ({ prompt, plan }: { prompt: string; plan: { workdir: string } }) => {
          found.push(existsSync(join(plan.workdir, "made")));
          if (prompt === "hello") return CALLS;
          return repeats ? approvedIn(prompt) : "no";
        },
      },
    );
    await repos.gateway.enable(refusing);
    repos.host.create("acme/tool", { "a.txt": "main" });
    await repos.sync({ url: repos.host.url("acme/tool") });
  });
  beforeEach(() => {
    found = [];
  });
  after(() => repos.close());

  const task = () => repos.request("/task", { prompt: "hello", workdir: "repo:acme/tool" });
  const folder = () => repos.gateway.ran.at(-1)?.plan.workdir ?? "";
  const denialsOf = ({ body }: Answer) =>
    (body["permission_denials"] as readonly PermissionDenial[]).map(({ tool_use_id }) => tool_use_id);

  it("stays while a denied call may still be approved, however the turns after it ended", async () => {
    const denied = await task();
    const [first, second] = denialsOf(denied);
    writeFileSync(join(folder(), "made"), "by the task");
    const approve = async (id: string | undefined) => {
      // A folder is removed after the answer.
      await sleep(300);
      return repos.request(`/session/${denied.body["session_id"]}/approve`, { tool_use_ids: [id] });
    };
    refuses = true;
    expect((await approve(first)).status).to.equal(429);
    refuses = false;
    repeats = false;
    expect((await approve(first)).body["approved"]).to.deep.equal([{ tool_use_id: first, ran: false }]);
    repeats = true;
    for (const id of [first, second])
      expect((await approve(id)).body["approved"]).to.deep.equal([{ tool_use_id: id, ran: true }]);
    expect(found, "of each turn that began").to.deep.equal([false, true, true, true]);
    await eventually("its removal", () => !existsSync(folder()));
  });

  it("goes with a task that was refused itself", async () => {
    await task();
    const base = dirname(folder());
    const before = readdirSync(base).length;
    refuses = true;
    expect((await task()).status).to.equal(429);
    refuses = false;
    await eventually("its removal", () => readdirSync(base).length === before);
  });
});

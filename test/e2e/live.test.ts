import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { readStat } from "#engine-claude/proc.js";
import { cliProcesses } from "../../bench/probe.js";
import { decide, newSession, onlyPending, prompt, read, startAsking } from "./approval-kit.js";
import { Conversation } from "./conversation.js";
import { sumOfDealt } from "./dealt.js";
import { KEYS, TestGateway } from "./gateway.js";
import { eventually } from "./poll.js";
import { readProcess } from "./processes.js";
import { onOneGateway } from "./two-nodes.js";

const REFUSES = fileURLToPath(new URL("../fixtures/plugins/refuses", import.meta.url));

describe("live processes", () => {
  let gateway: TestGateway;
  afterEach(() => gateway.dispose());

  it("run a session's later turns in the process of the first, and remember", async () => {
    gateway = await TestGateway.start({ config: "[engine]\nspares = 0\n" });
    const talk = await Conversation.start(gateway);
    await talk.say("[[words 3]]");
    const [first] = await cliProcesses(gateway);
    const { body } = await talk.say("[[recall]]");
    expect(body.result).to.contain("[[words 3]]");
    expect(await cliProcesses(gateway)).to.deep.equal([first]);
    expect((await talk.view()).tokens).to.deep.equal(sumOfDealt(talk.dealt()));
  });

  it("are kept in ask mode too, and each turn decides its own calls", async () => {
    gateway = await startAsking();
    const session = await newSession(gateway);
    const own = async () =>
      (await cliProcesses(gateway)).filter((pid) => readProcess(pid, "cmdline").includes(session.id));
    const first = prompt(gateway, session, "[[write a.txt A]]");
    await decide(gateway, (await onlyPending(gateway, session)).id, { decision: "allow" });
    expect((await first).body.success).to.equal(true);
    const process = await own();
    const second = prompt(gateway, session, "[[write b.txt B]]");
    await decide(gateway, (await onlyPending(gateway, session)).id, { decision: "deny", message: "no" });
    expect((await second).body.permission_denials).to.have.length(1);
    expect([read(session, "a.txt"), read(session, "b.txt")]).to.deep.equal(["A", undefined]);
    expect(process).to.have.length(1);
    expect(await own()).to.deep.equal(process);
  });

  it("continue in a new process when theirs was killed between turns, with exact totals", async () => {
    gateway = await TestGateway.start({ config: "[engine]\nspares = 0\n" });
    const talk = await Conversation.start(gateway);
    for (let round = 0; round < 3; round++) {
      for (let turn = 0; turn <= round; turn++) {
        const { body } = await talk.say("[[words 4]]");
        expect(body.success, JSON.stringify(body)).to.equal(true);
      }
      for (const pid of await gateway.children()) process.kill(pid, "SIGKILL");
      await eventually(
        "the killed process to be gone",
        async () => (await cliProcesses(gateway)).length === 0,
      );
    }
    const { body } = await talk.say("[[recall]]");
    expect(body.result).to.contain("6 earlier prompts");
    expect((await talk.view()).tokens).to.deep.equal(sumOfDealt(talk.dealt()));
    expect((await talk.view()).cost_estimated).to.equal(undefined);
  });

  it("are never used for a turn when they hang: another one replaces them", async () => {
    gateway = await TestGateway.start({ config: "[engine]\nspares = 0\n" });
    const talk = await Conversation.start(gateway);
    await talk.say("[[words 3]]");
    const isCli = (pid: number) => /^[^\0]*\/claude\0/.test(readProcess(pid, "cmdline"));
    const hung = (await gateway.children()).find(isCli) ?? 0;
    process.kill(hung, "SIGSTOP");
    // On a busy machine, that takes a moment.
    await eventually("it stands still", () => readStat(hung)?.stopped === true);
    const { body } = await talk.say("[[recall]]");
    expect(body.result).to.contain("1 earlier prompt");
    expect(await gateway.children()).not.to.include(hung);
    expect((await talk.view()).tokens).to.deep.equal(sumOfDealt(talk.dealt()));
  });

  it("never exceed max_processes, and those idle longest are evicted", async () => {
    gateway = await TestGateway.start({
      config: "[engine]\nmax_processes = 2\nmax_running = 2\nspares = 2\n",
    });
    let most = 0;
    let looking = true;
    const watching = (async () => {
      while (looking) most = Math.max(most, (await cliProcesses(gateway)).length);
    })();
    const talks = await Promise.all([1, 2, 3, 4].map(() => Conversation.start(gateway)));
    for (let round = 0; round < 2; round++) {
      const answers = await Promise.all(talks.map((talk) => talk.say("[[words 2]]")));
      for (const { body } of answers) expect(body.success, JSON.stringify(body)).to.equal(true);
    }
    looking = false;
    await watching;
    expect(most).to.be.within(1, 2);
    for (const talk of talks) expect((await talk.view()).tokens).to.deep.equal(sumOfDealt(talk.dealt()));
  });

  it("are ended after idle_secs, and with their session", async () => {
    // Longer than a busy machine takes to look at it.
    gateway = await TestGateway.start({ config: "[engine]\nidle_secs = 10\nspares = 0\n" });
    const kept = await Conversation.start(gateway);
    await kept.say("[[words 2]]");
    expect((await cliProcesses(gateway)).length).to.equal(1);
    await eventually("the idle process to be ended", async () => (await cliProcesses(gateway)).length === 0);
    const deleted = await Conversation.start(gateway);
    await deleted.say("[[words 2]]");
    await gateway.request(deleted.path, { method: "DELETE" });
    expect((await cliProcesses(gateway)).length).to.equal(0);
  });

  it("prewarmed for tasks are used once, by one caller, under the task's own id", async () => {
    gateway = await TestGateway.start();
    await gateway.request("/task", { body: { prompt: "[[words 2]]" } });
    // A spare counts as ready when it has answered; a task that comes before that starts a process of its own.
    const { spare, id } = await eventually("a task in a spare", taskInSpare);
    await eventually("the used process to be gone", async () => !(await gateway.children()).includes(spare));
    expect(gateway.model.dealt().at(-1)?.sessionId).to.equal(id);
  });

  onOneGateway("each node has processes started ahead", () => {
    it("prewarmed are not leaked by refused requests", async () => {
      gateway = await TestGateway.start({
        args: ["--enable-plugin", REFUSES],
        config: "[engine]\nspares = 1\n",
      });
      const ready = () => eventually("a spare", async () => (await cliProcesses(gateway)).length === 1);
      const again = { headers: { "idempotency-key": "again" } };
      await gateway.request("/task", { body: { prompt: "[[words 2]]" }, ...again });
      const nothing: (() => Promise<unknown>)[] = [
        () => gateway.request("/task", { body: { prompt: "[[refuse]]" } }),
        () => gateway.request("/task", { body: { prompt: "[[words 2]]", workdir: "/nowhere" } }),
        () => gateway.request("/task", { body: { prompt: "[[words 2]]" }, ...again }),
        () => leaveSocket(gateway),
      ];
      for (const request of nothing) {
        await ready();
        const [spare = 0] = await cliProcesses(gateway);
        // One that comes before the spare has answered does not get it.
        await eventually(`the spare of ${request} to be gone`, async () => {
          await request();
          await sleep(200);
          return readProcess(spare, "cmdline") === "";
        });
      }
      await ready();
      await sleep(1000);
      expect(await cliProcesses(gateway)).to.have.length(1);
    });

    it("prewarmed do not delay tasks that they do not fit", async () => {
      gateway = await TestGateway.start({ config: "[engine]\nspares = 1\n" });
      const tasks = new Set<string>();
      const spare = await eventually("a task that met a spare of another kind", () => metAnother(tasks));
      await eventually("the spare to be gone", async () => readProcess(spare, "cmdline") === "");
    });
  });

  /**
   * Resolves to the spare that a task met which could not use it, if that was still on its way out at the task's end.
   *
   * @param tasks the ids of the tasks so far: their processes, which may be on their way out too, are no spares
   */
  async function metAnother(tasks: Set<string>): Promise<number | undefined> {
    const first = await gateway.request("/task", { body: { prompt: "[[words 2]]" } });
    tasks.add(String(first.body["session_id"]));
    const spare = await eventually("a spare", async () =>
      (await cliProcesses(gateway)).find((pid) => {
        const command = readProcess(pid, "cmdline");
        return command !== "" && ![...tasks].some((id) => command.includes(id));
      }),
    );
    await sleep(500);
    // So it takes its time to go. It may have gone already, where it was one for the task before.
    if (!signalIfThere(spare, "SIGSTOP")) return undefined;
    const { body } = await gateway.request("/task", {
      // Another one each time: a process that was started ahead for the last one must not fit.
      body: { prompt: "[[words 2]]", system_prompt: `Other ${tasks.size}` },
    });
    expect(body["success"], JSON.stringify(body)).to.equal(true);
    const id = String(body["session_id"]);
    tasks.add(id);
    const met = readProcess(spare, "cmdline").includes(id);
    if (!met) signalIfThere(spare, "SIGKILL");
    return met ? spare : undefined;
  }

  /** Runs a task of another key; resolves to the process that it found, if that was there before. */
  async function taskInSpare(): Promise<{ readonly spare: number; readonly id: string } | undefined> {
    const before = await gateway.children();
    const commands = new Map(before.map((pid) => [pid, readProcess(pid, "cmdline")]));
    const { body } = await gateway.request("/task", { body: { prompt: "[[recall]]" }, key: KEYS.bob });
    expect(body["result"]).to.contain("0 earlier prompts");
    const id = String(body["session_id"]);
    const spare = before.find((pid) => commands.get(pid)?.includes(id));
    return spare === undefined ? undefined : { spare, id };
  }
});

/** Opens a WebSocket and goes away without a task. */
async function leaveSocket(gateway: TestGateway): Promise<void> {
  const socket = gateway.socket();
  await once(socket, "open");
  socket.close();
  await once(socket, "close");
}

/** False: it has gone. */
function signalIfThere(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}

describe("the queue", () => {
  let gateway: TestGateway;
  afterEach(() => gateway.dispose());

  it("lets a key with one turn wait for at most one slot while another key floods it", async () => {
    gateway = await TestGateway.start({ config: "[engine]\nmax_running = 1\nspares = 0\ngrace_secs = 0\n" });
    const flood = await Conversation.start(gateway);
    const single = await Conversation.start(gateway, {}, KEYS.bob);
    await flood.say("[[words 1]]");
    const others = await Promise.all(Array.from({ length: 5 }, () => Conversation.start(gateway)));
    const order: string[] = [];
    const flooding = Array.from({ length: 100 }, (_, index) =>
      (others[index % others.length] ?? flood).say("[[words 1]]").then(({ status }) => {
        if (status === 200) order.push("flood");
      }),
    );
    await eventually("the flood to run", () => order.length > 0);
    const before = order.length;
    await gateway.request(single.path, { body: { prompt: "[[words 1]]" }, key: KEYS.bob });
    order.push("single");
    // One that ran when it came, and one whose answer may have come in the same moment.
    expect(order.indexOf("single") - before).to.be.at.most(2);
    expect(order.filter((who) => who === "flood").length).to.be.below(100);
    await gateway.stop();
    await Promise.allSettled(flooding);
  });

  it("refuses excess turns, applies a key's own limit, and reports positions", async () => {
    gateway = await TestGateway.start({
      config: "[engine]\nmax_running = 4\nmax_queued = 1\n[keys.bob]\nmax_running = 1\n",
    });
    const task = { body: { prompt: "[[slow 100]] [[words 20]]" }, key: KEYS.bob };
    const first = gateway.request("/task", task);
    await eventually("the first turn to run", () => gateway.model.dealt().length > 0);
    const second = gateway.events("/task/stream", task);
    await eventually("the second to wait", async () => (await gateway.request("/task", task)).status === 503);
    const refused = await gateway.request("/task", task);
    expect(refused.status).to.equal(503);
    expect(refused.headers.get("retry-after")).to.match(/^\d+$/);
    expect(refused.body["code"]).to.equal("UNAVAILABLE");
    expect((await gateway.request("/task", { body: { prompt: "[[words 1]]" } })).status).to.equal(200);
    expect((await first).status).to.equal(200);
    const events = await second;
    expect(events[0]).to.deep.include({ event: "queued", data: '{"position":1}' });
  });
});

import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import { startTimeOf } from "#engine-claude/proc.js";
import { bash, Conversation } from "./conversation.js";
import { KEYS, TestGateway } from "./gateway.js";
import { eventually, limitSecs } from "./poll.js";
import { childrenGone, guardOf, readProcess } from "./processes.js";

const SANDBOX = { env: { IS_SANDBOX: "1" } };
/** Everything that a killed gateway left is gone by then, in ms. */
const GONE_WITHIN_MS = limitSecs(2) * 1000;
/** How long the model takes for each message, in ms. */
const THINKS_MS = limitSecs(0.3) * 1000;
/** The guard's resident memory stays below this, in kB: shells need 1,700 to 3,500. */
const MAX_MEMORY_KB = 8000;

/** A field of /proc/PID/stat, counted from behind the command: 0 is the state. */
function statField(pid: number, field: number): string | undefined {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[field];
}

/** What a process holds open. */
function filesOf(pid: number): string[] {
  const folder = `/proc/${pid}/fd`;
  return readdirSync(folder).flatMap((name) => {
    try {
      return [readlinkSync(join(folder, name))];
    } catch {
      return [];
    }
  });
}

describe("the guard", () => {
  before(function () {
    if (process.platform !== "linux") this.skip();
  });

  let gateway: TestGateway;
  beforeEach(async () => {
    gateway = await TestGateway.start(SANDBOX);
  });
  afterEach(() => gateway.dispose());

  const guard = () => eventually("the guard", () => guardOf(gateway));

  /** Begins a turn that makes one call after another, each of which writes down when it began and leaves a process. */
  async function callAfterCall(): Promise<{
    talk: Conversation;
    begun: () => number[];
    turn: Promise<unknown>;
  }> {
    const talk = await Conversation.start(gateway);
    const call = bash("date +%s%3N >>calls; setsid node -e 'setTimeout(()=>{},60000)' >/dev/null 2>&1 &");
    const turn = talk.say(`${call} [[wait ${THINKS_MS}]] `.repeat(100)).catch(() => undefined);
    const file = join(talk.workdir, "calls");
    const begun = () =>
      existsSync(file) ? readFileSync(file, "utf8").split("\n").filter(Boolean).map(Number) : [];
    await eventually("three calls", () => begun().length >= 3);
    return { talk, begun, turn };
  }

  it("ends all that a killed gateway leaves, before the CLI begins another call", async () => {
    const { talk, begun, turn } = await callAfterCall();
    const before = begun().length;
    await eventually("the next call", () => begun().length > before);
    await gateway.stop("SIGKILL");
    await childrenGone(gateway, GONE_WITHIN_MS);
    const messages = talk.dealt().length;
    await turn;
    await sleep(2 * THINKS_MS);
    expect(begun(), "calls").to.have.length(before + 1);
    expect(talk.dealt(), "messages that were asked for").to.have.length(messages);
  });

  it("ignores a suspended gateway, however long it is silent", async () => {
    const talk = await Conversation.start(gateway);
    const turn = talk.say(bash("node -e 'setTimeout(()=>{},3000)'; echo done"));
    await eventually("the turn", () => talk.dealt().length > 0);
    gateway.signal("SIGSTOP");
    await sleep(2500);
    expect(await gateway.children()).to.have.length.at.least(1);
    gateway.signal("SIGCONT");
    expect((await turn).body.success).to.equal(true);
  });

  it("is out of reach of signals to the gateway's group, and of those that ask it to end", async () => {
    const pid = await guard();
    for (const field of [2, 3]) expect(statField(pid, field)).to.equal(String(pid));
    const startTime = startTimeOf(pid);
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"] as const) process.kill(pid, signal);
    await sleep(200);
    expect(startTimeOf(pid)).to.equal(startTime);
  });

  it("inherits only a pipe of the gateway, and is small", async () => {
    const pid = await guard();
    expect(readProcess(pid, "environ")).to.equal("");
    expect(readProcess(pid, "cmdline")).to.not.include(KEYS.admin);
    // What this test's process was itself started with comes down to everything that it starts.
    const own = new Set(filesOf(process.pid));
    const held = filesOf(pid).filter((file) => file === "/dev/null" || !own.has(file));
    expect(held.map((file) => file.replace(/:.*/, "")).sort()).to.deep.equal([
      "/dev/null",
      "/dev/null",
      "socket",
    ]);
    const memory = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    expect(Number(memory)).to.be.below(MAX_MEMORY_KB);
  });

  it("is replaced when it dies, and the next one knows the running processes", async () => {
    const { turn } = await callAfterCall();
    const first = await guard();
    process.kill(first, "SIGKILL");
    await eventually("another guard", () => (guardOf(gateway) ?? first) !== first);
    await gateway.logs("the guard of child processes died");
    await gateway.stop("SIGKILL");
    await childrenGone(gateway, GONE_WITHIN_MS);
    await turn;
  });

  it("ends with an orderly stop", async () => {
    const pid = await guard();
    const startTime = startTimeOf(pid);
    await gateway.stop();
    expect(startTimeOf(pid)).to.not.equal(startTime);
  });

  it("leaves the children of the next gateway alone", async () => {
    const { turn } = await callAfterCall();
    await gateway.stop("SIGKILL");
    await gateway.launch();
    await turn;
    expect(
      (await (await Conversation.start(gateway)).say("[[bash echo hi]] [[words 4]]")).body.success,
    ).to.equal(true);
  });
});

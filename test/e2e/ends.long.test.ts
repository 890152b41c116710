import { spawn } from "node:child_process";
import { once } from "node:events";
import type { TurnResponse } from "@claudeway/schemas";
import { expect } from "chai";
import { findMarked } from "#engine-claude/reaper.js";
import { bash, Conversation } from "./conversation.js";
import { TestGateway } from "./gateway.js";
import { LedgerFile } from "./ledger-file.js";
import { eventually } from "./poll.js";
import { guardOf } from "./processes.js";
import { SANDBOX_SWITCH } from "./sandboxed.js";
import { GATEWAY_WAYS, inTheMiddle, killChild, SESSION_WAYS } from "./ways.js";

/** Everything is gone by then, in ms. */
const GONE_WITHIN_MS = 5000;
/** The CLI, the shell of its tool, and the shell's two children. */
const AT_LEAST = 4;

const SANDBOX = { env: { IS_SANDBOX: "1" } };
const STOPS = SESSION_WAYS.filter(({ places }) => places.includes("message"));

/** Waits until nothing carries the marker any more; resolves to how long that took, in ms. */
async function goneAfter(marker: string): Promise<number> {
  const from = performance.now();
  await eventually(
    `the end of all that carries ${marker}`,
    async () => (await findMarked(marker)).length === 0,
  );
  return performance.now() - from;
}

/** The processes of this gateway that run that script: none can hide by an environment of its own. */
async function running(tag: string): Promise<number[]> {
  const child = spawn("pgrep", ["-f", tag], { stdio: ["ignore", "pipe", "inherit"] });
  let out = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
  await once(child, "close");
  return out.split("\n").filter(Boolean).map(Number);
}

describe("ends", () => {
  let gateway: TestGateway;

  describe("of a turn whose tool has a foreground and a background child", () => {
    before(async () => {
      gateway = await TestGateway.start(SANDBOX);
    });
    after(() => gateway.dispose());

    for (const way of STOPS) {
      it(`leave nothing after ${way.name}`, async function () {
        this.timeout(90_000);
        const talk = await Conversation.start(gateway);
        let marker = "";
        let acted = 0;
        await way.run(talk, "tool call", async (turn) => {
          marker = turn.marker ?? "";
          await eventually("the tool's children", async () => (await findMarked(marker)).length >= AT_LEAST);
          acted = performance.now();
        });
        await talk.ended();
        const endedAt = performance.now();
        await goneAfter(marker);
        // A timeout comes by itself, later: what counts from there on is the turn's own end.
        const from = way.name === "a timeout" ? endedAt : acted;
        expect(performance.now() - from).to.be.below(GONE_WITHIN_MS);
      });
    }

    it("leave nothing of what a process's tools started, when it is killed while it waits", async function () {
      this.timeout(60_000);
      const talk = await Conversation.start(gateway);
      const command = "setsid node -e 'setTimeout(()=>{},60000)' >/dev/null 2>&1 & echo left";
      expect((await talk.say(bash(command))).body.success).to.equal(true);
      const turn = await talk.ended();
      const marker = turn.marker ?? "";
      expect((await findMarked(marker)).length).to.be.at.least(2);
      killChild(turn);
      expect(await goneAfter(marker)).to.be.below(GONE_WITHIN_MS);
      expect((await talk.say("[[words 3]]")).body.success).to.equal(true);
    });

    it("leave nothing after a task whose tool left a child behind", async function () {
      this.timeout(60_000);
      const command = "setsid node -e 'setTimeout(()=>{},60000)' >/dev/null 2>&1 & echo left";
      const { body } = await gateway.request<TurnResponse>("/task", { body: { prompt: bash(command) } });
      expect(body.success).to.equal(true);
      const [turn] = await new LedgerFile(gateway.dataDir).turns(body.session_id);
      expect(await goneAfter(turn?.marker ?? "")).to.be.below(GONE_WITHIN_MS);
    });
  });

  describe("of a turn whose tool's children hide", () => {
    before(async () => {
      gateway = await TestGateway.start(SANDBOX);
    });
    after(() => gateway.dispose());

    const DEAF = 'process.on("SIGTERM",()=>{}); setTimeout(()=>{},60000)';
    const HIDERS: Readonly<Record<string, (tag: string) => string>> = {
      "in a session of its own": (tag) => `setsid node -e '${DEAF} //${tag}' &`,
      "behind a parent that has gone": (tag) => `(setsid node -e '${DEAF} //${tag}' &) &`,
      "with a clean environment": (tag) => `env -i "$(command -v node)" -e '${DEAF} //${tag}' &`,
      "with a clean environment, behind a parent that has gone": (tag) =>
        `(env -i "$(command -v node)" -e '${DEAF} //${tag}' &) &`,
      "with a clean environment and a session of its own": (tag) =>
        `env -i setsid --wait "$(command -v node)" -e '${DEAF} //${tag}' &`,
    };
    /** The CLI itself ends what it can when it is interrupted; a killed one leaves all to the gateway. */
    const STOPPED: Readonly<Record<string, (talk: Conversation) => Promise<unknown>>> = {
      "an interrupt": (talk) => gateway.request(`${talk.path}/interrupt`, { body: {} }),
      "the end of its CLI": async (talk) => {
        const turn = (await talk.ledger.turns(talk.id)).at(-1);
        if (turn !== undefined) killChild(turn);
      },
    };
    for (const [hiding, command] of Object.entries(HIDERS)) {
      for (const [how, stop] of Object.entries(STOPPED)) {
        it(`end a child ${hiding}, deaf to TERM, after ${how}`, async function () {
          this.timeout(90_000);
          const talk = await Conversation.start(gateway);
          const tag = `hider-${talk.id}`;
          const waits = "touch began && node -e 'setTimeout(()=>{},60000)'";
          const turn = talk.say(bash(`${command(tag)} ${waits}`)).catch(() => undefined);
          await eventually("the hider", async () => (await running(`//${tag}`)).length > 0);
          await eventually("the tool", () => talk.toolRuns());
          const acted = performance.now();
          await stop(talk);
          await turn;
          await eventually("the end of the hider", async () => (await running(`//${tag}`)).length === 0);
          expect(performance.now() - acted).to.be.below(GONE_WITHIN_MS);
        });
      }
    }
  });

  for (const way of GATEWAY_WAYS) {
    it(`leave nothing after ${way.name}${way.killed === true ? " and the next start" : ""}`, async function () {
      this.timeout(90_000);
      gateway = await TestGateway.start({
        ...SANDBOX,
        config: `[engine]\ngrace_secs = ${way.graceSecs}\n`,
      });
      try {
        const talks = await Promise.all([1, 2].map(() => Conversation.start(gateway)));
        let reached = 0;
        const turns = talks.map((talk) => inTheMiddle(talk, "tool call", () => reached++));
        await eventually("both tool calls", () => reached === 2);
        await eventually(
          "both tools' children",
          async () => (await gateway.children()).length >= 2 * AT_LEAST,
        );
        if (way.killed === true) {
          // With its guard, which would leave the next start nothing to do.
          process.kill(await eventually("the guard", () => guardOf(gateway)), "SIGKILL");
          await way.end(gateway);
          // In the sandbox nothing outlives the gateway, with or without a guard.
          const left = process.env[SANDBOX_SWITCH] === "1" ? 0 : AT_LEAST;
          expect((await gateway.children()).length, "what a killed gateway leaves").to.be.at.least(left);
          await gateway.launch();
          expect(await gateway.children(), "children by the time that the next one listens").to.deep.equal(
            [],
          );
        } else {
          const acted = performance.now();
          const end = way.end(gateway);
          await eventually("the end of all children", async () => (await gateway.children()).length === 0);
          const grace = way.name.startsWith("SIGTERM") ? way.graceSecs * 1000 : 0;
          expect(performance.now() - acted).to.be.below(GONE_WITHIN_MS + grace);
          await end;
        }
        await Promise.all(turns);
      } finally {
        await gateway.dispose();
      }
    });
  }
});

import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect } from "chai";
import { findMarked } from "../../core/dist/engine/reaper.js";
import { bash, Conversation } from "./conversation.js";
import { TestGateway } from "./gateway.js";
import { until } from "./until.js";
import { GATEWAY_WAYS, inTheMiddle, SESSION_WAYS } from "./ways.js";

/** Everything is gone by then, in ms. */
const GONE_WITHIN_MS = 5000;
/** The CLI, the shell of its tool, and the shell's two children. */
const AT_LEAST = 4;

const SANDBOX = { env: { IS_SANDBOX: "1" } };
const STOPS = SESSION_WAYS.filter(({ places }) => places.includes("message"));

/** Waits until nothing carries the marker any more; resolves to how long that took, in ms. */
async function goneAfter(marker: string): Promise<number> {
  const from = performance.now();
  await until(`the end of all that carries ${marker}`, async () => (await findMarked(marker)).length === 0);
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

  describe("of a turn whose tool has a child in front and one behind", () => {
    before(async () => {
      gateway = await TestGateway.start(SANDBOX);
    });
    after(() => gateway.dispose());

    for (const way of STOPS) {
      it(`leave nothing after ${way.name}`, async function () {
        this.timeout(90_000);
        const talk = await Conversation.start(gateway);
        let marker = "";
        let found = 0;
        let acted = 0;
        await way.run(talk, "tool call", async (turn) => {
          marker = turn.marker ?? "";
          found = (await findMarked(marker)).length;
          acted = performance.now();
        });
        await talk.ended();
        const endedAt = performance.now();
        await goneAfter(marker);
        // A timeout comes by itself, later: what counts from there on is the turn's own end.
        const from = way.name === "a timeout" ? endedAt : acted;
        expect(found).to.be.at.least(AT_LEAST);
        expect(performance.now() - from).to.be.below(GONE_WITHIN_MS);
      });
    }

    it("leave nothing after a result whose tool left a child behind", async function () {
      this.timeout(60_000);
      const talk = await Conversation.start(gateway);
      const { body } = await talk.say(
        bash("setsid node -e 'setTimeout(()=>{},60000)' >/dev/null 2>&1 & echo left"),
      );
      expect(body.success).to.equal(true);
      const [turn] = await talk.ledger.turns(talk.id);
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
    for (const [hiding, command] of Object.entries(HIDERS)) {
      it(`end a child ${hiding}, deaf to TERM`, async function () {
        this.timeout(90_000);
        const talk = await Conversation.start(gateway);
        const tag = `hider-${talk.id}`;
        const waits = "touch began && node -e 'setTimeout(()=>{},60000)'";
        const turn = talk.say(bash(`${command(tag)} ${waits}`)).catch(() => undefined);
        await until("the hider", async () => (await running(`//${tag}`)).length > 0);
        await until("the tool", () => talk.toolRuns());
        const acted = performance.now();
        await gateway.request(`${talk.path}/interrupt`, { body: {} });
        await turn;
        await until("the end of the hider", async () => (await running(`//${tag}`)).length === 0);
        expect(performance.now() - acted).to.be.below(GONE_WITHIN_MS);
      });
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
        await until("both tool calls", () => reached === 2);
        expect((await gateway.children()).length).to.be.at.least(2 * AT_LEAST);
        if (way.killed === true) {
          await way.end(gateway);
          expect((await gateway.children()).length, "what a killed gateway leaves").to.be.at.least(AT_LEAST);
          await gateway.launch();
          expect(await gateway.children(), "children by the time that the next one listens").to.deep.equal(
            [],
          );
        } else {
          const acted = performance.now();
          const end = way.end(gateway);
          await until("the end of all children", async () => (await gateway.children()).length === 0);
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

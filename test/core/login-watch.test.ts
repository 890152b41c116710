import { GatewayError } from "@claudeway/ports";
import { expect } from "chai";
import { pino } from "pino";
import { LoginWatch, NOT_LOGGED_IN } from "#core/login-watch.js";

const ANSWERED = { usage: { tokens: { output: 3 } }, response: {} };
const REFUSED = { usage: { tokens: { output: 0 } }, response: { code: "AUTHENTICATION_FAILED" } } as const;
const SILENT = { usage: { tokens: { output: 0 } }, response: {} };

/** A watch with a clock of its own and a CLI that answers when it is told to. */
function open() {
  let now = 0;
  const asked: { answer(login: string | undefined): void; fail(): void }[] = [];
  const lines: string[] = [];
  const closing = new AbortController();
  const watch = new LoginWatch({
    ask: () =>
      new Promise((answer, reject) => asked.push({ answer, fail: () => reject(new Error("it died")) })),
    closing: closing.signal,
    log: pino({ level: "info" }, { write: (line: string) => void lines.push(JSON.parse(line).msg) }),
    now: () => now,
  });
  const pass = (ms: number) => {
    now += ms;
  };
  /** Answers the first question, and waits until that is known. */
  const begin = async (login: string | undefined) => {
    const warning = watch.warning();
    asked[0]?.answer(login);
    return warning;
  };
  /** The reason of `check`'s rejection; undefined if it resolves. */
  const check = () =>
    watch.check().then(
      () => undefined,
      (error: unknown) => (error instanceof Error ? error.message : error),
    );
  return { watch, asked, lines, closing, pass, begin, check };
}

describe("LoginWatch", () => {
  it("warns once, in the log too, and is not ready while there is no login", async () => {
    const { watch, asked, lines, begin, check } = open();
    expect(await begin(undefined)).to.equal(NOT_LOGGED_IN);
    expect(await check()).to.equal(NOT_LOGGED_IN);
    const refusal = await watch.check().catch((error: unknown) => error);
    if (!(refusal instanceof GatewayError)) throw refusal;
    expect([refusal.code, refusal.options.details?.reason]).to.deep.equal(["UNAVAILABLE", "not_logged_in"]);
    expect(lines).to.deep.equal([NOT_LOGGED_IN]);
    expect(asked).to.have.length(1);
  });

  it("asks no more once there is a login", async () => {
    const { asked, lines, pass, begin, check } = open();
    expect(await begin("ANTHROPIC_API_KEY")).to.equal(undefined);
    pass(1e9);
    expect(await check()).to.equal(undefined);
    expect([asked.length, lines]).to.deep.equal([1, []]);
  });

  it("makes its first callers wait for one question", async () => {
    const { asked, check } = open();
    const checks = [check(), check()];
    expect(asked).to.have.length(1);
    asked[0]?.answer(undefined);
    expect(await Promise.all(checks)).to.deep.equal([NOT_LOGGED_IN, NOT_LOGGED_IN]);
  });

  it("asks again at most every 30 s while there is no login, and lets no caller wait", async () => {
    const { asked, lines, pass, begin, check } = open();
    await begin(undefined);
    pass(29_999);
    await check();
    expect(asked).to.have.length(1);
    pass(1);
    expect([await check(), await check()]).to.deep.equal([NOT_LOGGED_IN, NOT_LOGGED_IN]);
    expect(asked).to.have.length(2);
    asked[1]?.answer("claude.ai");
    await new Promise(setImmediate);
    expect(await check()).to.equal(undefined);
    expect(lines).to.deep.equal([NOT_LOGGED_IN, "claude is logged in"]);
  });

  it("takes a turn that the model answered for a login, and no other", async () => {
    const { watch, begin, check } = open();
    await begin(undefined);
    watch.turnEnded(SILENT);
    expect(await check()).to.equal(NOT_LOGGED_IN);
    watch.turnEnded(ANSWERED);
    expect(await check()).to.equal(undefined);
  });

  it("asks after a turn whose login was refused, at most every 30 s", async () => {
    const { watch, asked, pass, begin, check } = open();
    await begin("claude.ai");
    watch.turnEnded(REFUSED);
    expect(asked).to.have.length(1);
    pass(30_000);
    watch.turnEnded(REFUSED);
    watch.turnEnded(REFUSED);
    expect(asked).to.have.length(2);
    asked[1]?.answer(undefined);
    await new Promise(setImmediate);
    expect(await check()).to.equal(NOT_LOGGED_IN);
  });

  it("is ready if the CLI does not say, and logs why, unless the gateway closes", async () => {
    const { watch, asked, lines, closing, check } = open();
    const warning = watch.warning();
    asked[0]?.fail();
    expect(await warning).to.equal(undefined);
    expect(await check()).to.equal(undefined);
    expect(lines).to.deep.equal(["the CLI does not say whether it is logged in: it died"]);
    watch.forget();
    const last = watch.warning();
    closing.abort();
    asked[1]?.fail();
    await last;
    expect(lines).to.have.length(1);
  });

  it("asks after the delay, before it if there is a check, and never once the gateway closes", async () => {
    const late = open();
    const warning = late.watch.warning(20);
    expect(late.asked).to.have.length(0);
    while (late.asked.length === 0) await new Promise(setImmediate);
    late.asked[0]?.answer(undefined);
    expect(await warning).to.equal(NOT_LOGGED_IN);

    const { watch, asked, check } = open();
    const waits = watch.warning(10);
    const checked = check();
    asked[0]?.answer(undefined);
    expect([await checked, await waits, asked.length]).to.deep.equal([NOT_LOGGED_IN, NOT_LOGGED_IN, 1]);

    const closed = open();
    const never = closed.watch.warning(1_000_000);
    closed.closing.abort();
    expect([await never, closed.asked.length]).to.deep.equal([undefined, 0]);
  });

  it("forgets what it knew, and an answer to an earlier question", async () => {
    const { watch, asked, pass, begin, check } = open();
    await begin(undefined);
    pass(30_000);
    await check();
    watch.forget();
    const again = check();
    expect(asked).to.have.length(3);
    asked[1]?.answer(undefined);
    await new Promise(setImmediate);
    asked[2]?.answer("claude.ai");
    expect(await again).to.equal(undefined);
  });
});

import { mock } from "node:test";
import type { TurnInfo } from "@claudeway/ports";
import { expect } from "chai";
import { SessionEvents } from "#events/session-events.js";

const TURN: TurnInfo = {
  id: "t",
  sessionId: "s",
  kind: "session",
  keyId: "k",
  origin: "prompt",
  createdAt: "2026-01-01T00:00:00.000Z",
};
/** Of more than what is kept of a session. */
const LARGE = 2 * 1024 * 1024;
const large = (n: number) => String(n).repeat(LARGE);

describe("the events of a session", () => {
  let events: SessionEvents;
  let stop: AbortController;
  beforeEach(() => {
    events = new SessionEvents();
    stop = new AbortController();
  });
  afterEach(() => {
    stop.abort();
    events.close();
  });

  const read = (after?: number) => events.read("s", { after, heartbeatMs: 60_000, stop: stop.signal });
  const say = (delta: string) => events.turnEvent({ type: "text", delta }, TURN);

  it("reach each reader that waits, however large they are, and are then kept no longer", async () => {
    const readers = [read(), read()];
    const waiting = readers.map((reader) => reader.next());
    say(large(0));
    const seen = await Promise.all(waiting);
    expect(seen.map(({ value }) => value?.event)).to.deep.equal(["text", "text"]);
    const next = readers.map((reader) => reader.next());
    const late = read((seen[0]?.value?.id ?? 0) - 1);
    expect((await late.next()).value?.event, "of one that reconnects later").to.equal("missed");
    say("small");
    for (const one of [...next, late.next()]) expect((await one).value).to.deep.include({ event: "text" });
  });

  for (const [count, length] of [
    [3, LARGE],
    [20, LARGE / 20],
  ] as const)
    it(`reach all readers that wait, also where ${count} of ${length} characters come at once`, async () => {
      const readers = [read(), read()];
      const first = readers.map((reader) => reader.next());
      const texts = Array.from({ length: count }, (_, n) => String.fromCharCode(65 + n).repeat(length));
      for (const text of texts) say(text);
      for (const [n, reader] of readers.entries()) {
        const seen = [await first[n]];
        while (seen.length < count && seen.at(-1)?.value?.event === "text") seen.push(await reader.next());
        const numbers = seen.map((one) => texts.indexOf(Object(one?.value?.data).text));
        expect(numbers, `of reader ${n}`).to.deep.equal([...texts.keys()]);
      }
    });

  it("stay for a reader that is slow, but not for long", async () => {
    mock.timers.enable({ apis: ["setTimeout"] });
    try {
      const slow = read();
      const first = slow.next();
      say("first");
      const id = (await first).value?.id;
      for (let n = 0; n < 3; n++) say(large(n));
      const beside = read(id);
      expect((await beside.next()).value?.data).to.deep.equal({ turn_id: "t", text: large(0) });
      await beside.return();
      mock.timers.tick(20_000);
      expect((await slow.next()).value?.event).to.equal("missed");
      expect((await slow.next()).value).to.deep.include({ data: { turn_id: "t", text: large(2) } });
    } finally {
      mock.timers.reset();
    }
  });

  it("stay, the latest one however large, for a reader that is slow, until it has left", async () => {
    const slow = read();
    const first = slow.next();
    say("first");
    const id = (await first).value?.id;
    for (let n = 0; n < 5; n++) say(large(n));
    const beside = read(id);
    expect((await beside.next()).value?.event).to.equal("missed");
    expect((await beside.next()).value).to.deep.include({ data: { turn_id: "t", text: large(4) } });
    await slow.return();
    const late = read(id);
    expect((await late.next()).value?.event).to.equal("missed");
    say("last");
    expect((await late.next()).value).to.deep.include({ data: { turn_id: "t", text: "last" } });
  });
});

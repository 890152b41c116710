import { mock } from "node:test";
import type { TurnHandle } from "@claudeway/core";
import { expect } from "chai";
import { FeedReader } from "#plugins/dashboard/live/reader.js";

/** A turn whose text comes at once; `left` is set when its reader is gone. */
function turnOf(text: string) {
  const seen = { left: false };
  async function* read() {
    try {
      yield { id: 1, event: "text" as const, data: text };
      yield { id: 2, event: "text" as const, data: "end" };
    } finally {
      seen.left = true;
    }
  }
  const turn: Pick<TurnHandle, "id" | "read"> = { id: "turn-1", read };
  return { turn: turn as TurnHandle, seen };
}

const TEXT = "0123456789".repeat(150_000);

describe("dashboard: event stream", () => {
  it("sends a long text in several events, without loss", async () => {
    const reader = new FeedReader(new Set(["session-1"]), undefined);
    const { turn, seen } = turnOf(TEXT);
    const followed = reader.follow(turn);
    let text = "";
    for await (const event of reader.events()) {
      expect(event.length).to.be.lessThan(300_000);
      const data = /^event: text\ndata: (.*)\n\n$/.exec(event)?.[1];
      if (data === undefined) continue;
      const { at, text: piece } = JSON.parse(data);
      expect(at).to.equal(text.length);
      text += piece;
      if (text.endsWith("end")) reader.close();
    }
    await followed;
    expect(text).to.equal(`${TEXT}end`);
    expect(seen.left).to.equal(true);
  });

  it("sends the text of a turn that goes on after it was parked, once what came before is read", async () => {
    const reader = new FeedReader(new Set(["session-1"]), undefined);
    const followed = [reader.follow(turnOf("before").turn)];
    reader.left("turn-1");
    followed.push(reader.follow(turnOf("before, after").turn));
    let text = "";
    for await (const event of reader.events()) {
      for (const [, data] of event.matchAll(/^event: text\ndata: (.*)$/gm)) {
        const { at, text: piece } = JSON.parse(data ?? "");
        text = text.slice(0, at) + piece;
      }
      if (text === "before, afterend") reader.close();
    }
    await Promise.all(followed);
  });

  it("sends the text of a running turn once, however often it is told of it", async () => {
    const reader = new FeedReader(new Set(["session-1"]), undefined);
    const followed = Promise.all([reader.follow(turnOf("once").turn), reader.follow(turnOf("once").turn)]);
    void followed.then(() => reader.close());
    let sent = "";
    for await (const event of reader.events()) sent += event;
    expect(sent.match(/"text":"once"/g)).to.have.length(1);
  });

  it("is never silent for long", async () => {
    mock.timers.enable({ apis: ["setTimeout"] });
    try {
      const events = new FeedReader(new Set(), undefined).events();
      await events.next();
      for (let time = 0; time < 3; time++) {
        const next = events.next();
        mock.timers.tick(15_000);
        expect((await next).value).to.equal("event: alive\ndata: {}\n\n");
      }
    } finally {
      mock.timers.reset();
    }
  });

  it("releases the turn when the reader leaves in the middle of a text", async () => {
    const reader = new FeedReader(new Set(["session-1"]), undefined);
    const { turn, seen } = turnOf(TEXT);
    const followed = reader.follow(turn);
    reader.close();
    await followed;
    expect(seen.left).to.equal(true);
  });
});

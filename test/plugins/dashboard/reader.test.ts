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

  it("releases the turn when the reader leaves in the middle of a text", async () => {
    const reader = new FeedReader(new Set(["session-1"]), undefined);
    const { turn, seen } = turnOf(TEXT);
    const followed = reader.follow(turn);
    reader.close();
    await followed;
    expect(seen.left).to.equal(true);
  });
});

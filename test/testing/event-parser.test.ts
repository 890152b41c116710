import { expect } from "chai";
import { EventParser, readEvents } from "#testing/event-parser.js";

const FIRST = { id: "1", event: "text", data: "a\nb" };
const SECOND = { id: "", event: "message", data: "c" };

/** The same events, as a server may write them. */
const STREAMS: readonly (readonly [what: string, text: string])[] = [
  ["LF", "id: 1\nevent: text\ndata: a\ndata: b\n\n: a comment\n\ndata: c\n\n"],
  ["CRLF", "id: 1\r\nevent: text\r\ndata: a\r\ndata: b\r\n\r\n: a comment\r\n\r\ndata: c\r\n\r\n"],
  ["CR", "id: 1\revent: text\rdata: a\rdata: b\r\r: a comment\r\rdata: c\r\r\n"],
  ["a byte order mark", "\ufeffid: 1\nevent: text\ndata: a\ndata: b\n\ndata: c\n\n"],
  ["no blank behind a colon", "id:1\nevent:text\ndata:a\ndata:b\n\ndata:c\n\n"],
  ["unknown fields", "id: 1\nevent: text\nretry: 3\nzebra: x\ndata: a\ndata: b\n\ndata: c\n\n"],
  ["an event that is not complete", "id: 1\nevent: text\ndata: a\ndata: b\n\ndata: c\n\ndata: d"],
];

describe("server-sent events", () => {
  for (const [what, text] of STREAMS) {
    it(`are read with ${what}, in whatever pieces`, () => {
      for (const size of [1, 2, 7, text.length]) {
        const parser = new EventParser();
        const events = [];
        for (let at = 0; at < text.length; at += size) events.push(...parser.push(text.slice(at, at + size)));
        expect(events, `pieces of ${size}`).to.deep.equal([FIRST, SECOND]);
      }
    });

    it(`are read from a response with ${what}`, async () => {
      const events = [];
      for await (const event of readEvents(new Response(text))) events.push(event);
      expect(events).to.deep.equal([FIRST, SECOND]);
    });
  }
});

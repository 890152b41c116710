import type { SessionStarted } from "@claudeway/schemas";
import { expect } from "chai";
import { TestGateway } from "./gateway.js";
import {
  type Recording,
  recordEvents,
  recordedStreams,
  recordSocket,
  TURNS,
  writeStreams,
} from "./stream-recording.js";

/** Records the streams again instead of comparing them: for a change that is meant to change them. */
const WRITES = process.env["RECORD_STREAMS"] === "1";

describe("streams of turns that name no events", () => {
  let gateway: TestGateway;
  const streams: Record<string, Recording> = {};
  before(async () => {
    gateway = await TestGateway.start({ config: "[engine]\nspares = 0\n", env: { IS_SANDBOX: "1" } });
  });
  after(async () => {
    await gateway.dispose();
    if (WRITES) writeStreams(streams);
  });

  const compare = (name: string, stream: Recording) => {
    streams[name] = stream;
    if (!WRITES) expect(stream).to.deep.equal(recordedStreams()[name]);
  };
  const newSession = async () =>
    (await gateway.request<SessionStarted>("/session/start", { body: {} })).body.session_id;

  for (const [name, turn] of Object.entries(TURNS)) {
    it(`are what they were: ${name}`, async () => {
      // A task is interrupted over its WebSocket alone.
      if (turn.interrupted !== true)
        compare(`${name}: /task/stream`, await recordEvents(gateway, "/task/stream", turn));
      compare(`${name}: /task/ws`, await recordSocket(gateway, turn));
      const path = `/session/${await newSession()}/stream`;
      await recordEvents(gateway, path, { prompt: "[[say hello]]" });
      compare(`${name}: a live session`, await recordEvents(gateway, path, turn));
    });
  }
});

import { spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { PassThrough } from "node:stream";
import { expect } from "chai";
import { gatherPieces } from "#engine-claude/gathered-pieces.js";

describe("the pieces of a CLI's output", () => {
  it("are read at once after a rest", () => {
    const { pipe, asked } = newPipe();
    pipe.emit("data", "a");
    expect(asked).to.deep.equal([]);
  });

  it("are left in the pipe for a moment while they follow each other closely", async () => {
    const { pipe, asked, started } = newPipe();
    pipe.emit("data", "a");
    pipe.emit("data", "b");
    expect(asked).to.deep.equal(["stop"]);
    await started();
    // What was gathered goes on the burst.
    pipe.emit("data", "cd");
    expect(asked).to.deep.equal(["stop", "start", "stop"]);
    await started();
  });

  it("are read at once while they are large", () => {
    const { pipe, asked } = newPipe();
    for (let piece = 0; piece < 3; piece++) pipe.emit("data", "a".repeat(65_536));
    expect(asked).to.deep.equal([]);
  });

  it("are not asked for once the pipe is closed", async () => {
    const { pipe, asked } = newPipe();
    const other = newPipe();
    for (const one of [pipe, other.pipe]) {
      one.emit("data", "a");
      one.emit("data", "b");
    }
    const closed = once(pipe, "close");
    pipe.destroy();
    await closed;
    await other.started();
    expect(asked).to.deep.equal(["stop"]);
  });

  it("arrive complete and in order from a real process, with its end", async () => {
    const script = "i=0; while [ $i -lt 500 ]; do echo $i; i=$((i + 1)); done";
    const { stdout } = spawn("sh", ["-c", script], { stdio: ["ignore", "pipe", "inherit"] });
    let text = "";
    stdout.setEncoding("utf8").on("data", (piece: string) => (text += piece));
    gatherPieces(stdout);
    await once(stdout, "close");
    expect(text.split("\n")).to.deep.equal([...Array(500).keys(), ""].map(String));
  });
});

/** A pipe that notes what is asked of its handle. */
function newPipe() {
  const asked: string[] = [];
  const handle = new EventEmitter();
  const pipe = new PassThrough();
  Object.assign(pipe, {
    _handle: {
      readStop: () => asked.push("stop"),
      readStart: () => {
        asked.push("start");
        handle.emit("start");
      },
    },
  });
  gatherPieces(pipe);
  return { pipe, asked, started: () => once(handle, "start") };
}

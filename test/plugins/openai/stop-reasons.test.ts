import type { ChatEnd } from "@claudeway/chat";
import { expect } from "chai";
import { stopReasonOf } from "#plugins/anthropic/message.js";
import { finishOf } from "#plugins/openai/completion.js";
import { completedBody } from "#plugins/openai/response-body.js";
import { ResponseStream } from "#plugins/openai/response-stream.js";

const HEAD = { number: "1", createdAt: 1 };
const REQUEST = Object({ chat: { model: { name: "m" }, showsThinking: false }, body: {}, store: false });
const TOKENS = { input: 1, output: 1, cache_read: 0, cache_write: 0 };
const CUT = ["max_tokens", "model_context_window_exceeded"];
const WHOLE = [undefined, "stop_sequence", "new"];
const CALLS = [{ id: "c", name: "f", input: {} }];

const responseOf = (stop_reason: string | undefined, fields: object = {}) =>
  Object({ result: "text", tokens: TOKENS, stop_reason, ...fields });
const endOf = (reason: string | undefined, fields?: object): ChatEnd => ({
  type: "end",
  response: responseOf(reason, fields),
  thinking: "",
});

describe("why the model stopped", () => {
  it("is the finish_reason of a completion", () => {
    for (const reason of CUT) expect(finishOf(REQUEST, responseOf(reason))).to.equal("length");
    for (const reason of WHOLE) expect(finishOf(REQUEST, responseOf(reason))).to.equal("stop");
    expect(finishOf(REQUEST, responseOf("max_tokens", { client_calls: CALLS }))).to.equal("tool_calls");
  });

  it("is the stop_reason of a message", () => {
    const passed = [...CUT, "stop_sequence", "refusal", "pause_turn"];
    for (const reason of passed) expect(stopReasonOf(REQUEST, responseOf(reason))).to.equal(reason);
    for (const reason of [undefined, "new"])
      expect(stopReasonOf(REQUEST, responseOf(reason))).to.equal("end_turn");
    expect(stopReasonOf(REQUEST, responseOf("max_tokens", { client_calls: CALLS }))).to.equal("tool_use");
  });

  it("is the status of a response, and of its message", () => {
    for (const reason of CUT) {
      const body = completedBody(HEAD, REQUEST, endOf(reason));
      expect(body.status).to.equal("incomplete");
      expect(body.incomplete_details).to.deep.equal({ reason: "max_output_tokens" });
      expect(body.output).to.have.length(1).and.nested.property("[0].status", "incomplete");
    }
    for (const end of [
      ...WHOLE.map((reason) => endOf(reason)),
      endOf("max_tokens", { client_calls: CALLS }),
    ]) {
      const { status, incomplete_details } = completedBody(HEAD, REQUEST, end);
      expect({ status, incomplete_details }).to.deep.equal({ status: "completed", incomplete_details: null });
    }
  });

  it("is the last event of a streamed response", async () => {
    for (const [reason, last] of [
      ["max_tokens", "response.incomplete"],
      [undefined, "response.completed"],
    ] as const) {
      const completed = async (end: ChatEnd) => completedBody(HEAD, REQUEST, end);
      const stream = new ResponseStream(HEAD, REQUEST, completed, Object({}));
      const events: string[] = [];
      const ends = (async function* () {
        yield endOf(reason);
      })();
      for await (const event of stream.events(Object({ events: ends }))) events.push(event);
      expect(events.at(-1)).to.match(new RegExp(`^event: ${last}\n`));
    }
  });
});

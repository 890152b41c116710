import { expect } from "chai";
import { pino } from "pino";
import { State } from "#plugins/telegram/state.js";
import { temporaryFolder } from "../../temporary.js";

describe("telegram's state", () => {
  it("stays small over eight thousand reply chains, and keeps the newest ones and the topics", async () => {
    const folder = temporaryFolder("telegram-state");
    const state = State.open(folder, "-1", pino({ level: "silent" }));
    state.setConversation("t7", { model: "sonnet", sessionId: "in-a-topic" });
    for (let id = 1; id <= 8000; id++) {
      state.accept(id);
      state.link(id, `c${id}`);
      state.setConversation(`c${id}`, { model: "sonnet", sessionId: `s${id}` });
    }
    expect(state.conversation("c1")).to.equal(undefined);
    expect(state.keyOfSession("s3000")).to.equal(undefined);
    expect(state.keyOfSession("s3001")).to.equal("c3001");
    expect(state.keyOfSession("s8000")).to.equal("c8000");
    expect(state.keyOfSession("in-a-topic")).to.equal("t7");
    await state.saved();
  });
});

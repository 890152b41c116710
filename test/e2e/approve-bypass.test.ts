import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { TurnResponse } from "@claudeway/schemas";
import { expect } from "chai";
import { Conversation } from "./conversation.js";
import { TestGateway } from "./gateway.js";

const DENYING = { args: ["--no-permissions-bypass"] };
const BYPASS = { env: { IS_SANDBOX: "1" } };

/*
 * Told that something was approved, the scripted model makes every call again that was denied in the turn before.
 */
describe("POST /session/:id/approve with the bypass on", () => {
  let gateway: TestGateway;
  let talk: Conversation;
  let file: string;

  const begin = async (options: object = {}) => {
    talk = await Conversation.start(gateway, options);
    file = join(talk.workdir, "log.txt");
  };
  const say = async (options: object = {}) => {
    const call = { tool: "Bash", input: { command: `echo ran >> ${file}`, description: "Append" } };
    const body = { prompt: `[[tools ${JSON.stringify([call])}]]`, ...options };
    const { permission_denials: denials = [] } = (await gateway.request<TurnResponse>(talk.path, { body }))
      .body;
    return denials.map(({ tool_use_id }) => tool_use_id);
  };
  const approve = (tool_use_ids: readonly string[]) =>
    gateway.request<TurnResponse>(`${talk.path}/approve`, { body: { tool_use_ids } });
  async function runsOnce(denied: readonly string[]): Promise<void> {
    expect(existsSync(file)).to.equal(false);
    expect((await approve(denied)).body.approved).to.deep.equal([{ tool_use_id: denied[0], ran: true }]);
    expect((await approve(denied)).status).to.equal(409);
    expect(readFileSync(file, "utf8")).to.equal("ran\n");
  }

  afterEach(() => gateway.dispose());

  it("says that a call ran which a turn's own options had denied, and approves it once", async () => {
    gateway = await TestGateway.start(BYPASS);
    await begin();
    await runsOnce(await say({ disallowed_tools: ["Bash(echo:*)"] }));
  });

  it("says that a call ran which was denied before the bypass was switched on, and approves it once", async () => {
    gateway = await TestGateway.start(DENYING);
    await begin();
    const denied = await say();
    await gateway.stop();
    await gateway.launch(BYPASS);
    await runsOnce(denied);
  });

  it("says that a call did not run which the session's options deny again", async () => {
    gateway = await TestGateway.start(BYPASS);
    await begin({ disallowed_tools: ["Bash(echo:*)"] });
    const denied = await say();
    const { body } = await approve(denied);
    expect(body.approved).to.deep.equal([{ tool_use_id: denied[0], ran: false }]);
    expect(body.permission_denials).to.have.length(1);
    expect((await approve(denied)).status).to.equal(200);
    expect(existsSync(file)).to.equal(false);
  });
});

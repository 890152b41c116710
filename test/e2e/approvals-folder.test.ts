import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TurnResponse } from "@claudeway/schemas";
import { expect } from "chai";
import { decide, newSession, onlyPending, prompt, startAsking, type TestSession } from "./approval-kit.js";
import { Conversation } from "./conversation.js";
import { TestGateway } from "./gateway.js";

const SCRIPT = "[[bash sh x.sh]]";
const SUB = "[[bash cd sub]]";

/** Two scripts of one name in two folders; each leaves a file beside the session's folder. */
function scripts(workdir: string): { readonly above: string; readonly below: string } {
  const files = { above: join(workdir, "above"), below: join(workdir, "below") };
  mkdirSync(join(workdir, "sub"));
  writeFileSync(join(workdir, "x.sh"), `echo ran >> ${files.above}\n`);
  writeFileSync(join(workdir, "sub/x.sh"), `echo ran >> ${files.below}\n`);
  return files;
}

describe("approvals are valid in the shell's current directory", () => {
  describe("session grants", () => {
    let gateway: TestGateway;
    before(async () => {
      gateway = await startAsking({ live_wait_secs: 600 });
    });
    after(() => gateway.dispose());

    async function allow(session: TestSession, text: string, scope: "once" | "session") {
      const answer = prompt(gateway, session, text);
      const approval = await onlyPending(gateway, session);
      await decide(gateway, approval.id, { decision: "allow", scope });
      await answer;
      return approval;
    }

    it("asks again for the same command in another folder, and names the folder", async () => {
      const session = await newSession(gateway);
      const { above, below } = scripts(session.workdir);
      expect((await allow(session, SCRIPT, "session")).cwd).to.equal(session.workdir);
      const again = await prompt(gateway, session, SCRIPT);
      expect(again.body.permission_denials, "the same folder").to.equal(undefined);
      await allow(session, SUB, "once");
      const elsewhere = prompt(gateway, session, SCRIPT);
      const asked = await onlyPending(gateway, session);
      expect(asked).to.include({ cwd: join(session.workdir, "sub"), workdir: session.workdir });
      await decide(gateway, asked.id, { decision: "deny" });
      const denials = (await elsewhere).body.permission_denials;
      expect(denials?.map(({ cwd }) => cwd)).to.deep.equal([join(session.workdir, "sub")]);
      expect([existsSync(above), existsSync(below)]).to.deep.equal([true, false]);
      const { body } = await gateway.request<{ grants: { cwd: string }[] }>(
        `/approvals/grants?session_id=${session.id}`,
      );
      expect(body.grants.map(({ cwd }) => cwd)).to.deep.equal([session.workdir]);
    });
  });

  describe("POST /session/:id/approve", () => {
    let gateway: TestGateway;
    before(async () => {
      gateway = await TestGateway.start({ args: ["--no-permissions-bypass"] });
    });
    after(() => gateway.dispose());

    const approve = (id: string, denials: TurnResponse["permission_denials"]) =>
      gateway.request<TurnResponse>(`/session/${id}/approve`, {
        body: { tool_use_ids: denials?.map(({ tool_use_id }) => tool_use_id) },
      });

    it("does not run what was denied in another folder", async () => {
      const talk = await Conversation.start(gateway);
      const { above, below } = scripts(talk.workdir);
      const denied = (await talk.say(`${SCRIPT} ${SUB}`)).body.permission_denials;
      expect(denied?.map(({ tool_input, cwd }) => [tool_input["command"], cwd])).to.deep.equal([
        ["sh x.sh", undefined],
      ]);
      const { body } = await approve(talk.id, denied);
      expect(body.approved?.map(({ ran }) => ran)).to.deep.equal([false]);
      expect([existsSync(above), existsSync(below)]).to.deep.equal([false, false]);
    });

    it("runs it where it was denied", async () => {
      const talk = await Conversation.start(gateway);
      const { above, below } = scripts(talk.workdir);
      const denied = (await talk.say(`${SUB} ${SCRIPT}`)).body.permission_denials;
      expect(denied?.map(({ cwd }) => cwd)).to.deep.equal([join(talk.workdir, "sub")]);
      const { body } = await approve(talk.id, denied);
      expect(body.approved?.map(({ ran }) => ran)).to.deep.equal([true]);
      expect([existsSync(above), existsSync(below)]).to.deep.equal([false, true]);
    });
  });
});

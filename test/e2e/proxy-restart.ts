import { setTimeout as sleep } from "node:timers/promises";
import type { TaskList, TurnStatus } from "@claudeway/schemas";
import { expect } from "chai";
import type { TestGateway } from "./gateway.js";
import { eventually } from "./poll.js";
import type { RunningProxy } from "./proxy-kit.js";
import { type Answer, ask, askHttp1, expectUnknown, json, task } from "./proxy-requests.js";

/**
 * Restarts the gateway while clients send tasks through the proxy, one after another: no turn may be lost, and each answer
 * must have the contract's shape.
 */
export async function restartUnder(
  clients: number,
  gateway: TestGateway,
  proxy: RunningProxy,
): Promise<void> {
  let stopped = false;
  const answers: Answer[] = [];
  const { length: earlier } = await statesOf(gateway);
  const turn = task("[[slow 40]] [[words 10]]");
  const running = Array.from({ length: clients }, async (_, index) => {
    while (!stopped) {
      answers.push(await (index % 2 === 0 ? ask : askHttp1)(proxy, "/task", turn));
      if (answers.at(-1)?.status !== 200) await sleep(200);
    }
  });
  const succeeded = () => answers.filter(({ status }) => status === 200).length;
  await eventually("turns", () => succeeded() >= clients);
  const { port } = new URL(gateway.url);
  gateway.signal("SIGTERM");
  expect(await gateway.ended()).to.deep.equal({ code: 0, signal: null });
  await sleep(500);
  await gateway.launch({ args: ["--enable-plugin", "dashboard,swagger"], port });
  const before = succeeded();
  await eventually("turns after it", () => succeeded() >= before + clients);
  stopped = true;
  await Promise.all(running);
  for (const answer of answers) {
    if (answer.status === 502) {
      expectUnknown(answer);
      continue;
    }
    const body = json(answer, answer.status);
    if (answer.status === 200) expect(body, answer.text).to.include({ success: true, error: null });
    else {
      expect(answer.status, answer.text).to.equal(503);
      expect(body, answer.text).to.include({ code: "UNAVAILABLE" });
      expect(Number(answer.headers["retry-after"]), answer.text).to.be.greaterThan(0);
    }
  }
  // At the moment at which a port closes, the system resets a connection that was just made: a proxy can't know what was received.
  expect(answers.filter(({ status }) => status === 502).length, "answers of 502").to.be.at.most(1);
  const states = await statesOf(gateway);
  // Refused: it waited for a place when the gateway closed, and did not begin.
  const begun = states.slice(0, states.length - earlier).filter((state) => state !== "refused");
  expect(begun, "turns that began").to.deep.equal(Array(succeeded()).fill("completed"));
  expect(
    answers.some(({ status }) => status === 503),
    "somebody met the restart",
  ).to.equal(true);
}

/** How the gateway's tasks have ended, the latest first. */
async function statesOf(gateway: TestGateway): Promise<string[]> {
  const { body } = await gateway.request<TaskList>("/tasks?limit=1000");
  const turns = body.tasks.map(({ session_id }) => gateway.request<TurnStatus>(`/turns/${session_id}`));
  return (await Promise.all(turns)).map((turn) => turn.body.state);
}

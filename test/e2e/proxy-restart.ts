import { setTimeout as sleep } from "node:timers/promises";
import type { TaskList } from "@claudeway/schemas";
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
  const tasks = async () => (await gateway.request<TaskList>("/tasks")).body.total;
  const earlier = await tasks();
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
  expect((await tasks()) - earlier, "turns that began").to.equal(succeeded());
  expect(
    answers.some(({ status }) => status === 503),
    "somebody met the restart",
  ).to.equal(true);
}

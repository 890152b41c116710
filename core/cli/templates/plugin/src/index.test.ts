import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { createTestGateway, type TestPlugin } from "@claudeway/testing";
import plugin from "./index.js";

/** A gateway with only this plugin, on an engine that plays a script instead of running Claude. */
async function open(t: TestContext, entry: TestPlugin = plugin) {
  const gateway = await createTestGateway({ plugins: [entry], replies: "fine" });
  t.after(() => gateway.close());
  return gateway;
}

test("adds the greeting to the system prompt", async (t) => {
  const gateway = await open(t, [plugin, { greeting: "Ahoy!" }]);
  const answer = await gateway.turn("how are you?", { system_prompt: "Be brief." });
  assert.equal(answer.result, "fine");
  assert.equal(gateway.ran[0]?.plan.systemPrompt, "Be brief.\nBegin every answer with: Ahoy!");
});

test("refuses the configured keys", async (t) => {
  const gateway = await open(t, [plugin, { closed_to: ["user"] }]);
  await assert.rejects(gateway.turn("hello", { key: "user" }), { status: 403, code: "FORBIDDEN" });
  assert.ok((await gateway.turn("hello")).success);
});

test("counts turns", async (t) => {
  const gateway = await open(t);
  await gateway.turn("one");
  await gateway.turn("two");
  const response = await gateway.fetch("/hello-world");
  assert.deepEqual(await response.json(), { turns: 2 });
});

test("leaves no resources behind", async (t) => {
  const gateway = await open(t);
  await gateway.disable("hello_world");
  assert.equal((await gateway.fetch("/hello-world")).status, 404);
  await gateway.turn("hello");
  assert.equal(gateway.ran[0]?.plan.systemPrompt, undefined);
});

test("refuses unknown settings", async () => {
  await assert.rejects(
    createTestGateway({ plugins: [[plugin, { greting: "Hi" }]] }),
    /did you mean greeting\?/,
  );
});

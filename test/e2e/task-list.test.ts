import type { TaskList, TurnResponse } from "@claudeway/schemas";
import { expect } from "chai";
import { Conversation } from "./conversation.js";
import { KEYS, TestGateway } from "./gateway.js";

describe("GET /tasks", () => {
  let gateway: TestGateway;
  const ids: Record<keyof typeof KEYS, string[]> = { admin: [], bob: [] };
  before(async () => {
    gateway = await TestGateway.start();
    for (const key of ["admin", "bob", "bob", "bob"] as const) {
      const options = { body: { prompt: "[[words 2]]", model: "haiku" }, key: KEYS[key] };
      ids[key].unshift((await gateway.request<TurnResponse>("/task", options)).body.session_id);
    }
    await Conversation.start(gateway, {}, KEYS.bob);
  });
  after(() => gateway.dispose());

  async function list(query: string, key: string): Promise<TaskList> {
    return (await gateway.request<TaskList>(`/tasks${query}`, { key })).body;
  }

  it("lists the key's own one-shot tasks, newest first, without sessions", async () => {
    const { tasks, ...page } = await list("", KEYS.bob);
    expect(tasks.map(({ session_id }) => session_id)).to.deep.equal(ids.bob);
    expect(page).to.deep.equal({ total: 3, page: 1, limit: 20 });
    for (const task of tasks) {
      expect(task).to.include({ key_id: "bob", model: "haiku", task_count: 1, workdir: gateway.workdir });
      expect(task.tokens.output).to.equal(2);
      expect(task.cost_usd).to.be.greaterThan(0);
    }
  });

  it("lists the tasks of all keys for the admin's key", async () => {
    const { tasks, total } = await list("", KEYS.admin);
    expect(tasks.map(({ session_id }) => session_id)).to.deep.equal([...ids.bob, ...ids.admin]);
    expect(total).to.equal(4);
  });

  it("lists them page by page, also after a kill", async () => {
    const pages = () => Promise.all([1, 2, 3].map((page) => list(`?page=${page}&limit=2`, KEYS.bob)));
    const before = await pages();
    expect(before.map(({ tasks }) => tasks.map(({ session_id }) => session_id))).to.deep.equal([
      ids.bob.slice(0, 2),
      ids.bob.slice(2),
      [],
    ]);
    await gateway.stop("SIGKILL");
    await gateway.launch();
    expect(await pages()).to.deep.equal(before);
  });

  it("refuses a page that is not a number", async () => {
    expect((await gateway.fetch("/tasks?page=0")).status).to.equal(400);
  });
});

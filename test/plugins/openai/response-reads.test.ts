import { expect } from "chai";
import { FolderShelf } from "#plugins/openai/folder-shelf.js";
import { ResponseReads } from "#plugins/openai/response-reads.js";
import { ResponseStore, type StoredResponse } from "#plugins/openai/response-store.js";
import { rejection, rejectionMessage } from "../../kernel/kit.js";
import { temporaryFolder } from "../../temporary.js";

const MIB = 1024 * 1024;
const numberOf = (index: number) => index.toString(16).padStart(32, "0");

describe("stored responses that a request reads", () => {
  let store: ResponseStore;
  /** The ids of the files that were read, and how many of them were parsed. */
  let read: string[];
  let parsed: number;
  beforeEach(() => {
    store = new ResponseStore(new FolderShelf(temporaryFolder("claudeway-responses-"), 1000));
    read = [];
    parsed = 0;
  });

  const readsFor = (keyId = "bob", gone = new AbortController().signal) =>
    new ResponseReads(
      {
        get: async (key, id, spend) => {
          read.push(id);
          const stored = await store.get(key, id, spend);
          parsed += 1;
          return stored;
        },
      },
      keyId,
      gone,
      () => undefined,
    );

  /** Stores an answer with this text, after the one before it if that is named. */
  async function save(index: number, { text = "hi", parent }: { text?: string; parent?: number } = {}) {
    const number = numberOf(index);
    const stored: StoredResponse = {
      keyId: "bob",
      parent: parent === undefined ? undefined : `resp_${numberOf(parent)}`,
      input: [{ role: "user", content: `prompt ${index}` }],
      output: text,
      body: {
        id: `resp_${number}`,
        output: [{ type: "message", id: `msg_${number}`, role: "assistant", content: text }],
      },
    };
    await store.save(number, stored);
    return { response: `resp_${number}`, item: `msg_${number}` };
  }

  it("are read once, however many items refer to them", async () => {
    const one = await save(1);
    const two = await save(2, { parent: 1 });
    const reads = readsFor();
    for (let count = 0; count < 2000; count++)
      expect(await reads.item(one.item)).to.include({ type: "message", content: "hi" });
    expect(await reads.chat(two.response)).to.deep.equal([
      { role: "user", content: "prompt 1" },
      { role: "assistant", content: "hi" },
      { role: "user", content: "prompt 2" },
      { role: "assistant", content: "hi" },
    ]);
    expect(read).to.have.length(2);
  });

  it("have at most 5,000 items that refer to them", async () => {
    const { item } = await save(1);
    const reads = readsFor();
    for (let count = 0; count < 5000; count++) await reads.item(item);
    const refused = await rejection(reads.item(item));
    expect(refused).to.nested.include({ status: 400, "options.details.param": "input" });
    expect(refused).to.include({ message: "input must have at most 5000 items of the type item_reference" });
  });

  it("have 32 MiB in all, and what is beyond is not parsed", async () => {
    const text = "x".repeat(5 * MIB);
    for (let index = 1; index <= 5; index++)
      await save(index, { text, ...(index > 1 && { parent: index - 1 }) });
    const refused = await rejection(readsFor().chat(`resp_${numberOf(5)}`));
    expect(refused).to.include({
      message: "previous_response_id must lead to at most 33554432 bytes of stored responses",
    });
    // Each file has the text twice.
    expect([read.length, parsed]).to.deep.equal([4, 3]);
    expect(refused).to.nested.include({ status: 400, "options.details.param": "previous_response_id" });
  });

  it("count again with each item that refers to them", async () => {
    const { item } = await save(1, { text: "x".repeat(5 * MIB) });
    const reads = readsFor();
    for (let count = 0; count < 4; count++) await reads.item(item);
    expect(await rejectionMessage(reads.item(item))).to.equal(
      "input must lead to at most 33554432 bytes of stored responses",
    );
    expect(read).to.have.length(1);
  });

  it("are at most 1,000", async () => {
    for (let index = 1; index <= 1001; index++) await save(index);
    const reads = readsFor();
    for (let index = 1; index <= 1000; index++) await reads.item(`msg_${numberOf(index)}`);
    expect(await rejectionMessage(reads.item(`msg_${numberOf(1001)}`))).to.equal(
      "input must lead to at most 1000 stored responses",
    );
    expect(read).to.have.length(1000);
  });

  it("are read no more once the client has gone", async () => {
    const { response } = await save(1);
    await save(2, { parent: 1 });
    const gone = new AbortController();
    const reads = readsFor("bob", gone.signal);
    await reads.chat(response);
    gone.abort();
    expect(await rejectionMessage(reads.chat(`resp_${numberOf(2)}`))).to.equal("the client disconnected");
    expect(read).to.have.length(1);
  });

  it("are those of the key alone", async () => {
    const { item, response } = await save(1);
    const reads = readsFor("eve");
    expect(await rejectionMessage(reads.item(item))).to.contain("it is not stored");
    expect(await rejectionMessage(reads.chat(response))).to.contain("must be a stored response");
    expect(read, "what is not hers is not read again").to.have.length(1);
  });
});

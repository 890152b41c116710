import { randomBytes } from "node:crypto";
import { EventEmitter } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { FolderShelf } from "#plugins/openai/folder-shelf.js";
import { LedgerShelf } from "#plugins/openai/ledger-shelf.js";
import { MAX_READ_BYTES, ResponseMemory, type Spend } from "#plugins/openai/response-memory.js";
import { ResponseStore } from "#plugins/openai/response-store.js";
import { deferred, rejectionMessage } from "../../kernel/kit.js";
import { temporaryFolder } from "../../temporary.js";
import { memoryStore } from "../memory-store.js";

const NUMBER = "0123456789abcdef0123456789abcdef";
const OWNER = '{"keyId":"bob",';
const REFUSED = "too many stored responses are being read at once; try again";

class Answer extends EventEmitter {
  closed = false;
  close(): void {
    this.closed = true;
    this.emit("close");
  }
}

/** Once all promises that are resolved by now have called back. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

describe("the memory for stored responses that are read", () => {
  /** A request of a key, whose answer takes until `end` is called. */
  function request(memory: ResponseMemory, keyId: string) {
    const answer = new Answer();
    const ended = deferred();
    let spend: Spend = () => expect.fail("it has not begun");
    const over = memory.during(keyId, Object(answer), (given) => {
      spend = given;
      return ended.promise;
    });
    const end = async () => {
      ended.resolve();
      await over;
    };
    return { spend: (bytes: number) => spend(bytes), end, close: () => answer.close() };
  }

  it("is half for one key, until its requests are answered", async () => {
    const memory = new ResponseMemory(1000);
    const [one, two] = [request(memory, "bob"), request(memory, "bob")];
    one.spend(200);
    one.spend(200);
    expect(() => two.spend(101))
      .to.throw(REFUSED)
      .that.includes({ status: 503, code: "UNAVAILABLE", retryAfterSecs: 5 });
    two.spend(100);
    await one.end();
    expect(() => two.spend(400), "its client still reads").to.throw(REFUSED);
    one.close();
    await settled();
    two.spend(400);
    two.close();
    expect(() => two.spend(1)).to.throw("the client disconnected");
    await two.end();
    await settled();
    request(memory, "bob").spend(500);
  });

  it("is held by a request that goes on after its client has gone", async () => {
    const memory = new ResponseMemory(1000);
    const left = request(memory, "bob");
    left.spend(500);
    left.close();
    await settled();
    expect(() => request(memory, "bob").spend(1)).to.throw(REFUSED);
    await left.end();
    await settled();
    request(memory, "bob").spend(500);
  });

  it("is limited for all keys together", () => {
    const memory = new ResponseMemory(1000);
    for (const key of ["one", "two"]) request(memory, key).spend(500);
    expect(() => request(memory, "three").spend(1)).to.throw(REFUSED);
  });

  const refuse = () => {
    throw new Error("there is no room");
  };

  it("is asked for before a file is read", async () => {
    const shelf = new FolderShelf(temporaryFolder("claudeway-responses-"), 1000);
    const json = `${OWNER}"output":"yes"}`;
    await shelf.put(NUMBER, OWNER, Buffer.from(json));
    const spent: number[] = [];
    expect(String(await shelf.take(NUMBER, OWNER, (bytes) => spent.push(bytes)))).to.equal(json);
    expect(spent).to.deep.equal([json.length]);
    expect(await rejectionMessage(shelf.take(NUMBER, OWNER, refuse))).to.equal("there is no room");
    expect(await shelf.take("f".repeat(32), OWNER, refuse)).to.equal(undefined);
    expect(await shelf.take(NUMBER, '{"keyId":"bo",', refuse)).to.equal(undefined);
  });

  it("is asked for before the pieces of a response are read from the ledger", async () => {
    const store = memoryStore();
    let lists = 0;
    const list: typeof store.list = (prefix, options) => {
      lists++;
      return store.list(prefix, options);
    };
    const shelf = new LedgerShelf({ ...store, list }, 60_000);
    // The last has one small piece.
    for (const json of [randomBytes(500_000), Buffer.from("12345"), Buffer.alloc(1_000_000)]) {
      await shelf.put(NUMBER, OWNER, json);
      expect(await rejectionMessage(shelf.take(NUMBER, OWNER, refuse))).to.equal("there is no room");
      expect(lists).to.equal(0);
      const spent: number[] = [];
      await shelf.take(NUMBER, OWNER, (bytes) => spent.push(bytes));
      expect(spent).to.deep.equal([json.length]);
      await shelf.remove(NUMBER, OWNER);
      lists = 0;
    }
  });

  it("is not used to parse responses of other keys", async () => {
    const folder = temporaryFolder("claudeway-responses-");
    const store = new ResponseStore(new FolderShelf(folder, 1000));
    writeFileSync(join(folder, `${NUMBER}.json`), '{"keyId":"bob","output": not JSON');
    expect(await store.get("bo", NUMBER)).to.equal(undefined);
    expect(await store.delete('bob"', NUMBER)).to.equal(false);
    expect(await rejectionMessage(store.get("bob", NUMBER))).to.contain("JSON");
  });

  it("is never too small for a response that was stored", async () => {
    const store = new ResponseStore(new FolderShelf(temporaryFolder("claudeway-responses-"), 1000));
    const response = { keyId: "bob", parent: undefined, input: [], output: "", body: {} };
    const refused = await rejectionMessage(
      store.save(NUMBER, { ...response, output: "x".repeat(MAX_READ_BYTES) }),
    );
    expect(refused).to.match(/^a stored response may have 33554432 bytes, got 335544\d\d$/);
    expect(await store.get("bob", NUMBER)).to.equal(undefined);
  });
});

import { randomBytes } from "node:crypto";
import { EventEmitter } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { FolderShelf } from "#plugins/openai/folder-shelf.js";
import { LedgerShelf } from "#plugins/openai/ledger-shelf.js";
import { ResponseMemory } from "#plugins/openai/response-memory.js";
import { ResponseStore } from "#plugins/openai/response-store.js";
import { rejectionMessage } from "../../kernel/kit.js";
import { temporaryFolder } from "../../temporary.js";
import { memoryStore } from "../memory-store.js";

const NUMBER = "0123456789abcdef0123456789abcdef";
const REFUSED = "too many stored responses are being read at once; try again";

class Answer extends EventEmitter {
  closed = false;
  close(): void {
    this.closed = true;
    this.emit("close");
  }
}

describe("the memory for stored responses that are read", () => {
  it("is half for one key, until its requests are answered", () => {
    const memory = new ResponseMemory(1000);
    const [one, two, other] = [new Answer(), new Answer(), new Answer()];
    const spend = memory.spendFor("bob", Object(one));
    spend(200);
    spend(200);
    const again = memory.spendFor("bob", Object(two));
    expect(() => again(101))
      .to.throw(REFUSED)
      .that.includes({ status: 503, code: "UNAVAILABLE", retryAfterSecs: 5 });
    again(100);
    one.close();
    again(400);
    two.close();
    expect(() => again(1)).to.throw("the client disconnected");
    memory.spendFor("bob", Object(other))(500);
  });

  it("is limited for all keys together", () => {
    const memory = new ResponseMemory(1000);
    for (const key of ["one", "two"]) memory.spendFor(key, Object(new Answer()))(500);
    expect(() => memory.spendFor("three", Object(new Answer()))(1)).to.throw(REFUSED);
  });

  const refuse = () => {
    throw new Error("there is no room");
  };

  it("is asked for before a file is read", async () => {
    const shelf = new FolderShelf(temporaryFolder("claudeway-responses-"), 1000);
    await shelf.put(NUMBER, Buffer.from("12345"));
    const spent: number[] = [];
    expect(String(await shelf.take(NUMBER, (bytes) => spent.push(bytes)))).to.equal("12345");
    expect(spent).to.deep.equal([5]);
    expect(await rejectionMessage(shelf.take(NUMBER, refuse))).to.equal("there is no room");
    expect(await shelf.take("f".repeat(32), refuse)).to.equal(undefined);
  });

  it("is asked for before the pieces of a response are read from the ledger", async () => {
    const store = memoryStore();
    let lists = 0;
    const list: typeof store.list = (prefix, options) => {
      lists++;
      return store.list(prefix, options);
    };
    const shelf = new LedgerShelf({ ...store, list }, 60_000);
    const json = randomBytes(500_000);
    await shelf.put(NUMBER, json);
    expect(await rejectionMessage(shelf.take(NUMBER, refuse))).to.equal("there is no room");
    expect(lists).to.equal(0);
    for (const stored of [json, Buffer.from("12345"), Buffer.alloc(1_000_000)]) {
      await shelf.put(NUMBER, stored);
      let spent = 0;
      await shelf.take(NUMBER, (bytes) => {
        spent += bytes;
      });
      expect(spent).to.equal(stored.length);
      await shelf.remove(NUMBER);
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
});

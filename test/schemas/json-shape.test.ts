import { expect } from "chai";
import { JsonShape } from "#schemas/json-shape.js";

const NESTED = "the body must be nested at most 200 levels deep";
const ITEMS = "the body must have at most 50000 items in its lists and objects";

/** What is said of a text that comes in pieces of so many bytes. */
function saidOf(json: string, bytes = 65_536): string | undefined {
  const shape = new JsonShape();
  const all = Buffer.from(json);
  for (let at = 0; at < all.length; at += bytes) {
    const said = shape.take(all.subarray(at, at + bytes));
    if (said !== undefined) return said;
  }
  return undefined;
}

const deep = (levels: number) => "[".repeat(levels) + "]".repeat(levels);

describe("the shape of JSON", () => {
  it("allows 200 levels, and tens of thousands of items", () => {
    expect(saidOf(deep(200))).to.equal(undefined);
    expect(saidOf(deep(201))).to.equal(NESTED);
    expect(saidOf(`[${"1,".repeat(49_999)}1]`)).to.equal(undefined);
    expect(saidOf(`[${"1,".repeat(50_000)}1]`)).to.equal(ITEMS);
    expect(saidOf(`[${"[],".repeat(30_000)}1]`)).to.equal(ITEMS);
  });

  it("counts what has been closed no more", () => {
    expect(saidOf(`[${`${deep(199)},`.repeat(10)}1]`)).to.equal(undefined);
  });

  it("counts nothing in a text, however it is torn", () => {
    const texts = [
      "[".repeat(300),
      ",".repeat(60_000),
      '\\"['.repeat(300),
      "\\",
      "\\\\",
      '"',
      '\\\\"[',
      "ä[😀",
    ];
    for (const text of texts) {
      const json = JSON.stringify({ [text]: text, after: [text] });
      for (const bytes of [1, 2, 3, 7, 65_536]) {
        expect(saidOf(json, bytes), `${json.slice(0, 40)} by ${bytes}`).to.equal(undefined);
        expect(saidOf(`${json.slice(0, -1)},"x":${deep(200)}}`, bytes)).to.equal(NESTED);
      }
    }
  });

  it("counts the items of several texts together, but not their levels", () => {
    const shape = new JsonShape();
    for (const torn of ["[".repeat(200), '["a', '["a\\']) {
      shape.next();
      expect(shape.exceeded(Buffer.from(torn)), torn).to.equal(undefined);
    }
    shape.next();
    expect(shape.exceeded(Buffer.from(`["],"${",1".repeat(40_000)}]`))).to.equal(undefined);
    shape.next();
    expect(shape.exceeded(Buffer.from(`[${"1,".repeat(10_000)}1]`))).to.equal("items");
  });

  it("counts in invalid JSON, too", () => {
    expect(saidOf("[".repeat(201))).to.equal(NESTED);
    expect(saidOf(`]]]${"[".repeat(210)}`)).to.equal(NESTED);
  });
});

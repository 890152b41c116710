import crypto from "node:crypto";
import { syncBuiltinESMExports } from "node:module";
import { expect } from "chai";
import { Keyring } from "#core/http/auth.js";

const KEYS = [
  { id: "boss", secret: "sk-boss" },
  { id: "bob", secret: "sk-bob" },
];
const HINT = 'send "Authorization: Bearer <secret>"';

describe("Keyring", () => {
  const keyring = new Keyring(KEYS);

  it("finds the key of a secret; the first key is the admin's", () => {
    expect(keyring.find("sk-boss")).to.deep.equal({ keyId: "boss", admin: true });
    expect(keyring.find("sk-bob")).to.deep.equal({ keyId: "bob", admin: false });
  });

  it("rejects a part of a secret, a longer text, and the id", () => {
    for (const wrong of ["", "sk-bo", "sk-bobb", "bob", "SK-BOB", "sk-bob "]) {
      expect(keyring.find(wrong), JSON.stringify(wrong)).to.equal(undefined);
    }
  });

  for (const header of ["Bearer sk-bob", "bearer sk-bob", "Bearer   sk-bob  "]) {
    it(`accepts ${JSON.stringify(header)}`, () => {
      expect(keyring.authenticate(header)).to.include({ keyId: "bob" });
    });
  }

  const REFUSED: readonly (readonly [string | undefined, string])[] = [
    [undefined, "no key"],
    ["", "no Bearer key"],
    ["Bearer", "no Bearer key"],
    ["Bearer ", "no Bearer key"],
    ["Basic sk-bob", "no Bearer key"],
    ["Bearer sk-bob sk-boss", "no Bearer key"],
    ["Bearersk-bob", "no Bearer key"],
    ["Bearer sk-nobody", "unknown key"],
  ];
  for (const [header, problem] of REFUSED) {
    it(`refuses ${JSON.stringify(header)}: ${problem}`, () => {
      expect(keyring.authenticate(header)).to.deep.include({
        message: `${problem}: ${HINT}`,
        code: "UNAUTHORIZED",
        status: 401,
        options: { headers: { "www-authenticate": "Bearer" } },
      });
    });
  }
});

describe("a header that was accepted", () => {
  const LONG = "sk-bob-0123456789abcdef0123456789abcdef";
  const keyring = () =>
    new Keyring([
      { id: "boss", secret: "sk-boss" },
      { id: "bob", secret: LONG },
    ]);

  it("needs no digest when it is repeated", () => {
    const keys = keyring();
    expect(digestsIn(() => keys.authenticate(`Bearer ${LONG}`))).to.equal(1);
    expect(digestsIn(() => keys.authenticate(`Bearer ${LONG}`))).to.equal(0);
    expect(keys.authenticate(`Bearer ${LONG}`)).to.include({ keyId: "bob" });
  });

  it("is unknown to the next keyring without its key", () => {
    keyring().authenticate(`Bearer ${LONG}`);
    const next = new Keyring([{ id: "boss", secret: "sk-boss" }]);
    expect(next.authenticate(`Bearer ${LONG}`)).to.include({ message: `unknown key: ${HINT}` });
  });

  it("is compared in full every time if its secret could be guessed", () => {
    const keys = keyring();
    for (let time = 0; time < 3; time++)
      expect(digestsIn(() => keys.authenticate("Bearer sk-boss"))).to.equal(1);
  });

  it("is compared in full every time while it is wrong", () => {
    const keys = keyring();
    const refused = () =>
      expect(keys.authenticate("Bearer sk-nobody")).to.include({ message: `unknown key: ${HINT}` });
    for (let time = 0; time < 3; time++) expect(digestsIn(refused)).to.equal(1);
  });

  it("is evicted from the cache if a client varies its spelling", () => {
    const keys = keyring();
    const spelled = (spaces: number) => `Bearer${" ".repeat(spaces)}${LONG}`;
    for (let spaces = 1; spaces <= 1001; spaces++) keys.authenticate(spelled(spaces));
    expect(digestsIn(() => keys.authenticate(spelled(1)))).to.equal(1);
    expect(digestsIn(() => keys.authenticate(spelled(1001)))).to.equal(0);
  });
});

/** How many digests `run` computes. */
function digestsIn(run: () => void): number {
  const { hash } = crypto;
  let count = 0;
  const apply = (target: typeof hash, self: unknown, args: Parameters<typeof hash>) => {
    count++;
    return Reflect.apply(target, self, args);
  };
  crypto.hash = new Proxy(hash, { apply });
  syncBuiltinESMExports();
  try {
    run();
  } finally {
    crypto.hash = hash;
    syncBuiltinESMExports();
  }
  return count;
}

import { shortSecretWarnings } from "@claudeway/config";
import { expect } from "chai";
import { childEnvironment } from "#config/child-environment.js";
import { KnownSecrets } from "#config/known-secrets.js";
import { Doorkeeper, Keyring } from "#core/http/auth.js";
import { GuessThrottle } from "#core/http/guesses.js";
import { TestGateway } from "../e2e/gateway.js";

const SHORT = { id: "admin", secret: "sk-secret-key-1" };
const LONG = { id: "ci", secret: "sk-0123456789abcd" };
const UNKNOWN = 'unknown key: send "Authorization: Bearer <secret>"';
const WARNING =
  "the secret of key admin should have at least 16 characters, got 15; create one with: openssl rand -hex 32";

describe("a secret shorter than 16 characters", () => {
  it("is reported in a warning, one line each", () => {
    expect(shortSecretWarnings([SHORT, LONG])).to.deep.equal([WARNING]);
    expect(shortSecretWarnings([{ id: "a", secret: "x".repeat(16) }])).to.deep.equal([]);
  });

  it("is reported in the banner and the log, without the secret", async () => {
    const gateway = await TestGateway.start({ env: { WRAPPER_KEYS: `admin:${SHORT.secret}` } });
    try {
      expect(gateway.stdout).to.include(`  Warning: ${WARNING}\n`);
      await gateway.logs(`"msg":"${WARNING}"`);
      expect(gateway.stdout + gateway.stderr).to.not.include(SHORT.secret);
    } finally {
      await gateway.dispose();
    }
  });

  describe("is protected from brute force", () => {
    let now: number;
    let door: Doorkeeper;
    beforeEach(() => {
      now = 0;
      door = new Doorkeeper(new Keyring([SHORT, LONG]), new GuessThrottle(() => now));
    });
    const header = (secret: string) => `Bearer ${secret}`;
    const guess = (address: string, times: number) => {
      for (let tried = 0; tried < times; tried++)
        expect(door.authenticate(header(`x${tried}`), address)).to.include({ message: UNKNOWN });
    };

    it("wrong keys make their address wait, and the right short one too", () => {
      guess("192.0.2.1", 3);
      for (const secret of ["x", SHORT.secret])
        expect(() => door.authenticate(header(secret), "192.0.2.1")).to.throw("try again in 1 s");
      expect(door.authenticate(header(SHORT.secret), "192.0.2.2")).to.include({ keyId: "admin" });
      now += 1000;
      expect(door.authenticate(header(SHORT.secret), "192.0.2.1")).to.include({ keyId: "admin" });
    });

    it("a long secret is never throttled", () => {
      guess("192.0.2.1", 3);
      expect(door.authenticate(header(LONG.secret), "192.0.2.1")).to.include({ keyId: "ci" });
    });

    it("nothing is throttled if all secrets are long", () => {
      door = new Doorkeeper(new Keyring([LONG]), new GuessThrottle(() => now));
      guess("192.0.2.1", 100);
    });

    it("a missing key does not count as a guess", () => {
      for (let tried = 0; tried < 10; tried++)
        expect(door.authenticate(undefined, "192.0.2.1")).to.include({ code: "UNAUTHORIZED" });
    });
  });

  it("is redacted in every line where it is a whole value", () => {
    const { redact } = new KnownSecrets({ secrets: ["abc", "a-b", "12345", "info", "true"] });
    expect(redact('{"msg":"abc, (abc) abcd xabc x.abc","abc":1,"list":["abc"]}')).to.equal(
      '{"msg":"[secret], ([secret]) abcd xabc x.[secret]","abc":1,"list":["[secret]"]}',
    );
    expect(redact('{"msg":"a-b","level":"info","ms":12345,"text":"12345","ok":true}')).to.equal(
      '{"msg":"[secret]","level":"[secret]","ms":12345,"text":"[secret]","ok":true}',
    );
  });

  it("is in no child's environment", () => {
    const secrets = new KnownSecrets({ secrets: ["abc"] });
    expect(childEnvironment({ A: "abc", B: "abcd", PATH: "abc" }, secrets)).to.deep.equal({
      B: "abcd",
      PATH: "abc",
    });
  });
});

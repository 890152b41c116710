import { expect } from "chai";
import { isBranch, parseRemote } from "#plugins/repos/remote.js";

const ALLOWED = {
  hosts: ["git.example.com", "git.example.com:8443", "127.0.0.1:8080"],
  schemes: ["https", "ssh"],
} as const;

const URLS: readonly unknown[] = [
  // Other transports, and programs.
  "file:///etc",
  "/etc/passwd",
  "../other",
  "ext::sh -c touch% /tmp/x",
  "ext::sh",
  "fd::17/foo",
  "git://git.example.com/a/b",
  "http://git.example.com/a/b",
  "ftp://git.example.com/a/b",
  "https::git.example.com/a/b",
  // Options.
  "--upload-pack=touch /tmp/x",
  "-u",
  "ssh://-oProxyCommand=touch/a/b",
  "-oProxyCommand=touch@git.example.com:a/b",
  "git@-oProxyCommand=x:a/b",
  "ssh://-oProxyCommand=x@git.example.com/a/b",
  "https://git.example.com/-a/b",
  // Other hosts.
  "https://169.254.169.254/latest/meta-data",
  "https://localhost/a/b",
  "https://git.example.com:22/a/b",
  "https://git.example.com.evil.org/a/b",
  "https://evil.org/git.example.com/a",
  "https://git.example.com@evil.org/a/b",
  "https://evil.org#@git.example.com/a/b",
  "https://git.example.com\\@evil.org/a/b",
  "https://evil.org?@git.example.com/a",
  "git@evil.org:a/b",
  "https://127.0.0.1:8080@evil.org/a/b",
  "https://[::1]/a/b",
  // Credentials.
  "https://user:hunter2@git.example.com/a/b",
  "https://t0k3n@git.example.com/a/b",
  "ssh://git:hunter2@git.example.com/a/b",
  // Paths that leave the folder, or are git's own.
  "https://git.example.com/../../etc",
  "https://git.example.com/a/../../../etc/b",
  "https://git.example.com/a/%2e%2e/%2e%2e/b",
  "https://git.example.com/%2e%2e%2fb/c",
  "https://git.example.com/a/.git",
  "https://git.example.com/.git/b",
  "https://git.example.com/a/b.git/hooks",
  "https://git.example.com/a//b",
  "https://git.example.com/",
  "https://git.example.com",
  "https://git.example.com/.ssh/b",
  "git@git.example.com:../b",
  "git@git.example.com:~root/b",
  "git@git.example.com:/../b",
  `https://git.example.com/${"a/".repeat(20)}b`,
  `https://git.example.com/${"a".repeat(101)}`,
  `https://git.example.com/${"a".repeat(2000)}`,
  "https://git.example.com/a/b?x=$(id)",
  "https://git.example.com/a/b#frag",
  "https://git.example.com/a/$(id)",
  "https://git.example.com/a/b;id",
  "https://git.example.com/a/b\nhttps://git.example.com/c/d",
  "https://git.example.com/a/b\0",
  "https://git.example.com/a/b ",
  "https://git.example.com/\u202ea/b",
  "https://gıt.example.com/a/b",
  "",
  undefined,
  null,
  5,
  ["https://git.example.com/a/b"],
  { toString: () => "https://git.example.com/a/b" },
];

describe("the URL of a repository", () => {
  for (const url of URLS) {
    it(`is refused: ${JSON.stringify(url)?.slice(0, 60)}`, () => {
      expect(() => parseRemote(url, ALLOWED))
        .to.throw(/^url must /)
        .and.include({ status: 400 })
        .and.have.property("message")
        .that.does.not.match(/hunter2|t0k3n/);
    });
  }

  const GOOD: readonly [given: string, name: string, url: string][] = [
    [
      "https://git.example.com/acme/tool.git",
      "git.example.com/acme/tool",
      "https://git.example.com/acme/tool.git",
    ],
    [
      "https://GIT.example.com:443/acme/tool/",
      "git.example.com/acme/tool",
      "https://git.example.com/acme/tool",
    ],
    [
      "https://git.example.com:8443/a/b/c_1.x",
      "git.example.com+8443/a/b/c_1.x",
      "https://git.example.com:8443/a/b/c_1.x",
    ],
    [
      "git@git.example.com:acme/tool.git",
      "git.example.com/acme/tool",
      "ssh://git@git.example.com/acme/tool.git",
    ],
    [
      "ssh://git@git.example.com/acme/tool",
      "git.example.com/acme/tool",
      "ssh://git@git.example.com/acme/tool",
    ],
  ];
  for (const [given, name, url] of GOOD) {
    it(`is taken: ${given}`, () => {
      expect(parseRemote(given, ALLOWED)).to.include({ name, url });
    });
  }
});

const BRANCHES = [
  "",
  "-b",
  "--upload-pack=x",
  "../main",
  "a..b",
  "a//b",
  "/a",
  "a/",
  "a.",
  ".a",
  "a/.b",
  "a.lock",
  "a.lock/b",
  "a b",
  "a~1",
  "a^",
  "a:b",
  "a?",
  "a*",
  "a[b",
  "a\\b",
  "@",
  "a@{1}",
  "HEAD",
  "a\nb",
  "a\0b",
  "a\x7fb",
  "a\u202eb",
  "x".repeat(201),
];

describe("the name of a branch", () => {
  for (const name of BRANCHES) {
    it(`is refused: ${JSON.stringify(name).slice(0, 40)}`, () => expect(isBranch(name)).to.equal(false));
  }
  for (const name of ["main", "feature/next", "v1.2", "a@b", "user/fix-1_2", "日本"]) {
    it(`is taken: ${name}`, () => expect(isBranch(name)).to.equal(true));
  }
});

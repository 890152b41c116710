import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** Git without the settings of the machine or its user. */
export function git(cwd: string, ...args: readonly string[]): string {
  const env = {
    PATH: process.env["PATH"],
    HOME: cwd,
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_AUTHOR_NAME: "a",
    GIT_AUTHOR_EMAIL: "a@example.com",
    GIT_COMMITTER_NAME: "a",
    GIT_COMMITTER_EMAIL: "a@example.com",
  };
  return execFileSync("git", args, { cwd, env, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }).trim();
}

/** A commit that no porcelain makes: a file of the root becomes a symbolic link. */
function replaceByLink(work: string, name: string, target: string): void {
  const blobFile = join(work, ".git", "target");
  writeFileSync(blobFile, target);
  const blob = git(work, "hash-object", "-w", blobFile);
  const entries = git(work, "ls-tree", "HEAD").split("\n");
  const input = entries.map((line) => (line.endsWith(`\t${name}`) ? `120000 blob ${blob}\t${name}` : line));
  const tree = execFileSync("git", ["mktree", "--missing"], { cwd: work, input: `${input.join("\n")}\n` });
  const commit = git(work, "commit-tree", "-p", "HEAD", "-m", "link", tree.toString().trim());
  git(work, "update-ref", "HEAD", commit);
}

/** A host of git repositories on loopback: `git http-backend` behind a small HTTP server. */
export class GitHost {
  /** The folder with the bare repositories. */
  readonly root: string;
  /** `user:password`; undefined: no login is asked for. */
  login: string | undefined;
  /** Held back before a fetch is answered. */
  delay: Promise<unknown> = Promise.resolve();
  /** Where every request is redirected to. */
  redirect: string | undefined;
  /** Method, path and user of each request. */
  readonly requests: string[] = [];
  #server: Server | undefined;

  private constructor() {
    this.root = realpathSync(mkdtempSync(join(tmpdir(), "claudeway-git-host-")));
  }

  static async start(): Promise<GitHost> {
    const host = new GitHost();
    const server = createServer((request, response) => void host.#answer(request, response));
    host.#server = server;
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return host;
  }

  /** `127.0.0.1:<port>`. */
  get host(): string {
    const address = this.#server?.address();
    if (typeof address !== "object" || address === null) throw new Error("the host has no port");
    return `127.0.0.1:${address.port}`;
  }

  url(path: string): string {
    return `http://${this.host}/${path}.git`;
  }

  /** Makes a repository with a commit for each set of files, oldest first. Returns the last commit. */
  create(path: string, ...commits: readonly Readonly<Record<string, string>>[]): string {
    const bare = join(this.root, `${path}.git`);
    mkdirSync(dirname(bare), { recursive: true });
    git(this.root, "init", "--quiet", "--bare", "--initial-branch=main", bare);
    return commits.map((files) => this.push(path, files)).at(-1) ?? "";
  }

  /** Adds a commit to a branch; with `from`, the branch begins there. Returns the commit. */
  push(path: string, files: Readonly<Record<string, string>>, branch = "main", from = branch): string {
    const work = mkdtempSync(join(tmpdir(), "claudeway-git-work-"));
    try {
      const bare = join(this.root, `${path}.git`);
      git(work, "init", "--quiet", `--initial-branch=${branch}`);
      const isThere = git(bare, "branch", "--list", from) !== "";
      if (isThere) git(work, "pull", "--quiet", bare, from);
      for (const [name, content] of Object.entries(files)) {
        mkdirSync(dirname(join(work, name)), { recursive: true });
        writeFileSync(join(work, name), content);
      }
      git(work, "add", "--all");
      git(work, "commit", "--quiet", "--allow-empty", "--message=change");
      git(work, "push", "--quiet", bare, `HEAD:refs/heads/${branch}`);
      return git(work, "rev-parse", "HEAD");
    } finally {
      rmSync(work, { recursive: true });
    }
  }

  /** Adds a commit with gitlinks, and symbolic links in the place of files, to the main branch. Returns the commit. */
  link(
    path: string,
    links: Readonly<Record<string, string>>,
    symbolic: Readonly<Record<string, string>> = {},
  ): string {
    const work = mkdtempSync(join(tmpdir(), "claudeway-git-work-"));
    try {
      const bare = join(this.root, `${path}.git`);
      git(work, "clone", "--quiet", bare, ".");
      for (const [name, commit] of Object.entries(links))
        git(work, "update-index", "--add", "--cacheinfo", `160000,${commit},${name}`);
      git(work, "commit", "--quiet", "--allow-empty", "--message=links");
      for (const [name, target] of Object.entries(symbolic)) replaceByLink(work, name, target);
      git(work, "push", "--quiet", bare, "HEAD:refs/heads/main");
      return git(work, "rev-parse", "HEAD");
    } finally {
      rmSync(work, { recursive: true });
    }
  }

  async close(): Promise<void> {
    this.#server?.closeAllConnections();
    await new Promise((resolve) => this.#server?.close(resolve));
    rmSync(this.root, { recursive: true });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, search } = new URL(request.url ?? "/", "http://host");
    const user = Buffer.from(request.headers.authorization?.slice(6) ?? "", "base64").toString();
    this.requests.push(`${request.method} ${pathname} ${user}`);
    if (this.login !== undefined && user !== this.login) {
      response.writeHead(401, { "www-authenticate": 'Basic realm="git"' }).end();
      return;
    }
    if (this.redirect !== undefined) {
      response.writeHead(302, { location: `${this.redirect}${request.url}` }).end();
      return;
    }
    if (pathname.endsWith("git-upload-pack")) await this.delay;
    const backend = spawn("git", ["http-backend"], {
      env: {
        PATH: process.env["PATH"],
        GIT_PROJECT_ROOT: this.root,
        GIT_HTTP_EXPORT_ALL: "1",
        GIT_CONFIG_COUNT: "1",
        GIT_CONFIG_KEY_0: "safe.directory",
        GIT_CONFIG_VALUE_0: "*",
        PATH_INFO: pathname,
        QUERY_STRING: search.slice(1),
        REQUEST_METHOD: request.method ?? "GET",
        CONTENT_TYPE: request.headers["content-type"] ?? "",
        ...(request.headers["content-encoding"] !== undefined && {
          HTTP_CONTENT_ENCODING: request.headers["content-encoding"],
        }),
        ...(request.headers["git-protocol"] !== undefined && {
          GIT_PROTOCOL: String(request.headers["git-protocol"]),
        }),
      },
    });
    request.pipe(backend.stdin);
    backend.stdin.on("error", () => undefined);
    const chunks: Buffer[] = [];
    for await (const chunk of backend.stdout) chunks.push(chunk);
    const all = Buffer.concat(chunks);
    const end = all.indexOf("\r\n\r\n");
    const fields = all.subarray(0, Math.max(end, 0)).toString().split("\r\n").filter(Boolean);
    const headers = fields.map((line) => line.split(/: (.*)/s).slice(0, 2) as [string, string]);
    const status = Number(headers.find(([name]) => name === "Status")?.[1]?.slice(0, 3) ?? 200);
    response.writeHead(status, Object.fromEntries(headers.filter(([name]) => name !== "Status")));
    response.end(all.subarray(end + 4));
  }
}

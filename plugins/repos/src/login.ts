import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Refusal } from "@claudeway/core";
import type { Credential } from "./config.js";
import type { GitRun } from "./git.js";
import type { Remote } from "./remote.js";

/** What a git command needs to log in at a remote. */
export type Login = Pick<GitRun, "env" | "settings" | "secret">;

/**
 * Answers git's question for the password of one user at one host, and no other question. The password comes through a
 * pipe, one line for each question: neither an argument nor a variable nor a file has it.
 */
const ASKPASS = `#!/bin/sh
[ "$1" = "$CLAUDEWAY_ASKED" ] || exit 1
IFS= read -r secret <&3 || exit 1
printf '%s\\n' "$secret"
`;

/** Finds the logins for remotes. */
export class Logins {
  readonly #askpass: string;

  /** @param home a folder for the program that answers git's question */
  constructor(
    private readonly credentials: readonly Credential[],
    home: string,
  ) {
    this.#askpass = join(home, "askpass");
    writeFileSync(this.#askpass, ASKPASS, { mode: 0o700 });
    chmodSync(this.#askpass, 0o700);
  }

  /** The login of a key at a remote: with the first credential for both. Throws a Refusal for ssh without one. */
  of(keyId: string, remote: Remote): Login {
    const { scheme, host } = remote;
    const found = this.credentials.find(
      ({ host: at, keys, ssh_key, password }) =>
        at === host &&
        (keys === undefined || keys.includes(keyId)) &&
        (scheme === "ssh" ? ssh_key : password) !== undefined,
    );
    const settings = { [`protocol.${scheme}.allow`]: "always" };
    const env = { GIT_ALLOW_PROTOCOL: scheme };
    if (scheme === "ssh") return { settings, env: { ...env, ...sshOf(remote, found) } };
    if (found?.password === undefined) return { settings, env };
    const { username, password } = found;
    const origin = `${scheme}://${host}`;
    return {
      env: {
        ...env,
        GIT_ASKPASS: this.#askpass,
        CLAUDEWAY_ASKED: `Password for '${scheme}://${username.replaceAll("@", "%40")}@${host}': `,
      },
      settings: { ...settings, [`credential.${origin}.username`]: username },
      secret: password,
    };
  }
}

function sshOf({ host }: Remote, found: Credential | undefined): Record<string, string> {
  if (found?.ssh_key === undefined || found.known_hosts === undefined) {
    throw new Refusal(
      400,
      `url must be one that the gateway can log in to: [[plugins.repos.credentials]] has no ssh_key with known_hosts for ${host}`,
    );
  }
  const options = [
    "BatchMode=yes",
    "IdentitiesOnly=yes",
    "StrictHostKeyChecking=yes",
    "GlobalKnownHostsFile=/dev/null",
    `UserKnownHostsFile=${found.known_hosts}`,
    `IdentityFile=${found.ssh_key}`,
    "ForwardAgent=no",
    "ClearAllForwardings=yes",
    "PermitLocalCommand=no",
    "ConnectTimeout=20",
  ];
  const command = ["ssh", "-F", "/dev/null", ...options.flatMap((option) => ["-o", option])];
  return { GIT_SSH_COMMAND: command.map(quoted).join(" "), GIT_SSH_VARIANT: "ssh" };
}

/** An argument for the shell that git runs the command in. */
function quoted(argument: string): string {
  return `'${argument.replaceAll("'", `'\\''`)}'`;
}

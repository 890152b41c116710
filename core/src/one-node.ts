import { setMaxListeners } from "node:events";
import { join } from "node:path";
import type { Claim, Ownership, SharedSecrets } from "@claudeway/ports";
import { readOrCreate } from "@claudeway/workdirs";

/** Never aborted: all that works on a session may listen. */
const NEVER = new AbortController().signal;
setMaxListeners(0, NEVER);

/** The only gateway on its ledger: every session is its own, under epoch 0. */
export const ONE_NODE: Ownership = {
  owner: undefined,
  fenced: NEVER,
  claim: async (sessionId) => ({ at: "here", claim: claimOf(sessionId) }),
  held: claimOf,
  created: claimOf,
  find: async () => undefined,
  release: async () => undefined,
};

function claimOf(sessionId: string): Claim {
  return { sessionId, epoch: 0, lost: NEVER };
}

/** Secrets as files of the data folder. */
export function fileSecrets(dataDir: string): SharedSecrets {
  return { get: async (name, make) => readOrCreate(join(dataDir, name), make) };
}

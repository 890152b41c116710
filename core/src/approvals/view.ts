import type { Approval } from "@claudeway/ports";
import type { PermissionDenial } from "@claudeway/schemas";
import { keyMayDecide } from "./deciding.js";

/** A call that did not run for lack of a decision, as answers list it. */
export function denialOf({ tool, toolUseId, input, workdir, cwd, deciders }: Approval): PermissionDenial {
  return {
    tool_name: tool,
    tool_use_id: toolUseId,
    tool_input: { ...input },
    ...(cwd === undefined || cwd === workdir ? {} : { cwd }),
    ...(keyMayDecide(deciders) ? {} : { approvable: false }),
  };
}

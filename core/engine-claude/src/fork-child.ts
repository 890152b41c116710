import { forkSession } from "@anthropic-ai/claude-agent-sdk";

/*
 * Run as a program of its own, with the session's id and that of the last message to keep: it copies a conversation in
 * the CLI's own way, in the environment of the session's CLI, and prints the id of the copy. It reads the whole
 * transcript at once, which the gateway must not.
 */
const [, , session = "", upToMessageId = ""] = process.argv;
const { sessionId } = await forkSession(session, { upToMessageId });
process.stdout.write(sessionId);

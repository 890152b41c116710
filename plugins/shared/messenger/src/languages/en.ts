/** The texts in English. `{name}` is replaced by a value. */
export const en = {
  approve: "Approve",
  deny: "Deny",
  approveSession: "Approve for this session",
  done: "Done",
  choose: "Choose",

  mayUse: "May Claude use {tool}?",
  asks: "Claude asks",
  orReply: "Or reply to this message with your own answer.",
  wasDenied: "Tool calls denied: {count}",
  notShown: "Characters not shown: {count}. Read the whole call before you approve it.",
  approvedBy: "Approved by {who}",
  approvedSessionBy: "Approved for this session by {who}",
  deniedBy: "Denied by {who}",
  answeredBy: "Answered by {who}",
  expired: "Expired without a decision",
  withdrawn: "Withdrawn: nothing waits for it any more",
  didNotRun: "Of these calls, {count} did not run.",
  conversationLost:
    "This conversation is lost on the machine where Claude runs, and can't go on. Start a new one with {command}.",
  parked: "Waiting for a decision. The turn continues when somebody decides.",
  goesOn: "The turn goes on.",

  pressed: "Done.",
  alreadyDecided: "Somebody else has already decided this.",
  staleButton: "This button is no longer valid.",
  notForYou: "Sorry, you are not allowed to use this bot.",
  anonymous: "Sorry, anonymous admins cannot use this bot. Turn off “Remain anonymous” in your admin rights.",
  otherChat: "Sorry, this bot belongs to another chat.",
  notAllowed: "Not possible: {reason}",

  helpThreads:
    "Mention me in a channel, or write to me: each thread is a session. Commands begin with an exclamation mark, also those of the CLI.",
  helpTopics:
    "Write to Claude. In a group with topics, each topic is a session; elsewhere, each reply chain is a session.",
  helpNew: "start a new session, optionally with a model",
  helpStop: "stop the running turn, and drop waiting messages",
  helpStatus: "show turns and cost",
  helpFile: "send a file of the session",
  helpRepos: "list the repositories, or choose one for the session that begins here",
  helpClose: "delete this session, and its folder if the gateway created it",
  helpHelp: "what this bot can do",

  newTopic: "Claude {model} {time}",
  newInTopic: "New session with {model}. Write here.",
  newInChat: "New session with {model}. Reply to this message.",
  seeTopic: "The new session is in the topic {name}.",
  stopped: "Stopped.",
  stoppedMany: "Stopped. Waiting messages dropped: {count}.",
  nothingRuns: "Nothing is running here.",
  closed: "The session is deleted.",
  noSession: "There is no session here yet. Write a message to start one.",
  sessionGone: "The session was deleted; this is a new one.",
  noRepos:
    "This bot has no repositories yet. Its operator adds them: the plugin repos, with the key id {key}.",
  repoList: "Repositories:",
  repoHow:
    "Choose one with {command} and its number or name, before the first message; {command} - chooses none.",
  repoTooLate: "This session has a folder already. Start a new one with {prefix}new, and choose there.",
  repoUnknown: "There is no repository {name}, or several of that name.",
  repoChosen: "The session that begins with your next message works in {workdir}.",
  repoNone: "No repository is chosen.",
  statusSession:
    "Session {id}\nModel: {model}\nTurns: {turns}\nCost: {cost}\nTokens: {input} in, {output} out",
  statusKey: "All sessions of this chat: {turns} turns, {cost}",
  statusRunning: "A turn is running. Messages waiting: {count}.",
  textOnly: "Sorry, I can only read text, images, PDF and text files of up to 20 MB.",
  voiceUnsupported: "Sorry, voice messages are unsupported: no transcriber is configured.",
  notTranscribed: "This voice message could not be transcribed. Please write it.",
  noFile: "There is no file {path} in this session.",
  fileNotSent: "The file {name} could not be sent: {reason}",
  fileLost: "A file of this message could not be fetched from {messenger}. Send it again.",
  filesNoAnswer: "Files can't answer a question. Send them again once it is answered.",
  tooManyFiles:
    "I read the first {most} files of a message. Files left out: {count}. Send them in another one.",
  filesTooLarge:
    "The files of one message can have {most} MB together. Files left out: {count}. Send them in another one.",
  tooMany: "Too many messages are waiting here; this one was not accepted. Send it again later.",
  tooLong: "This message is too long; send the text as a file.",
  queued: "Queued ({position})…",
  noText: "(no text)",
  failed: "Failed: {reason}",
  interrupted: "The gateway was restarted while this ran. Send it again if you still need it.",
  restOfAnswer: "The whole answer",

  newsFinished: "Request finished",
  newsFailed: "Request failed",
  newsRefused: "Request refused",
  newsInterrupted: "Request interrupted",
  newsTimeout: "Request timed out",
  newsLost: "Request lost in a crash",
  newsBroken: "Internal error in a request",
  newsStarted: "Session started",
  newsDeleted: "Session deleted",
  newsBudget: "{percent}% of a budget is used up",
  newsParked: "Parked until a decision is made",
  newsExpired: "Approval expired",
  newsMore: "and {count} more",
  newsLostEvents: "Older events dropped: {count}, because {messenger} did not accept them",
} as const;

export type TextKey = keyof typeof en;

/** The texts in one language. */
export type Texts = Readonly<Record<TextKey, string>>;

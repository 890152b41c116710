/** Responses of the admin API, typed by its routes. */

import type { TurnPage } from "../../../dist/routes/sessions.js";

export type {
  ConversationTurn,
  CostGrouping as Grouping,
  Load,
  MessageBlock,
  ReloadReport,
  SessionMessages,
  Tokens,
} from "@claudeway/core";
export type { SubagentCall, TaskState, TurnWork } from "../../../dist/live/work.js";
export type { LogEntry } from "../../../dist/logs/entries.js";
export type { LogAnswer } from "../../../dist/logs/page.js";
export type { ApprovalContext } from "../../../dist/routes/approval-context.js";
export type { ApprovalPage, ApprovalView as Approval, DecidedItem } from "../../../dist/routes/approvals.js";
export type { Budget } from "../../../dist/routes/budgets.js";
export type { LoginState, Me } from "../../../dist/routes/login.js";
export type { KeyUse, Period } from "../../../dist/routes/money.js";
export type { Overview } from "../../../dist/routes/overview.js";
export type { NamedPage } from "../../../dist/routes/plugin-pages.js";
export type { PluginView as Plugin } from "../../../dist/routes/plugins.js";
export type { RequestPage, RequestView } from "../../../dist/routes/requests.js";
export type { SessionDetail, SessionPage, TurnPage } from "../../../dist/routes/sessions.js";
export type { Statistics } from "../../../dist/routes/statistics.js";
export type { Page, TurnView as Turn } from "../../../dist/routes/views.js";
export type { Percentiles } from "../../../dist/statistics/counts.js";

export type AnsweredTurn = TurnPage["turns"][number];

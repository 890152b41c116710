import type { PluginScope } from "@claudeway/core";
import {
  askedNews,
  budgetNews,
  decidedNews,
  type News,
  parkedNews,
  requestNews,
  sessionNews,
  turnNews,
} from "./news.js";
import type { Say } from "./texts.js";

export interface ReportOptions {
  readonly hooks: PluginScope["hooks"];
  readonly say: Say;
  /** Decisions are shown elsewhere, with buttons: only those that expire are reported. */
  readonly decisionsElsewhere: boolean;
  readonly post: (news: News) => void;
}

/** Reports everything that a feed can show. Call it during `apply`. */
export function reportNews({ hooks, say, decisionsElsewhere, post }: ReportOptions): void {
  hooks.afterExecute.tap("report", (turn, outcome) => post(turnNews(turn, outcome, say)));
  hooks.event.tap("report-parked", (event, turn) => {
    if (event.type === "done" && event.response.pending_approval !== undefined) post(parkedNews(turn, say));
  });
  hooks.budgetWarning.tap("report", (warning) => post(budgetNews(warning, say)));
  hooks.requestCompleted.tap("report", (request) => {
    const news = requestNews(request, say);
    if (news !== undefined) post(news);
  });
  hooks.sessionStart.tap("report", (session) => post(sessionNews(session, "newsStarted", say)));
  hooks.sessionEnd.tap("report", (session) => post(sessionNews(session, "newsDeleted", say)));
  hooks.approvalRequested.tap("report", (approval) => {
    if (!decisionsElsewhere) post(askedNews(approval, say));
  });
  hooks.approvalDecided.tap("report", (approval) => {
    if (!decisionsElsewhere || approval.status === "expired") post(decidedNews(approval, say));
  });
}

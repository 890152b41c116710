import { clip, type News, type Say, type Span } from "@claudeway/messenger";
import { SIZES } from "./html.js";

/** A group allows 20 messages a minute, which the feed shares with answers and buttons. */
export const FEED_INTERVAL_MS = 5000;
export const FEED_BACKLOG = 300;

const MAX_TITLE = 300;
const MAX_FACTS = 300;
const MAX_DETAIL = 500;
const ROOM_FOR_NOTES = 300;
/** Facts of an event that are shown. */
const MAX_SHOWN_FACTS = 5;

/** Events as one message: as many as fit, and the number of those that did not. */
export function feedMessage(batch: readonly News[], lost: number, say: Say): Span[] {
  const lines: Span[][] = lost > 0 ? [[text(`⚠️ ${say("newsLostEvents", { count: lost })}`, MAX_TITLE)]] : [];
  let size = 0;
  let shown = 0;
  for (const news of batch) {
    const spans = newsSpans(news);
    size += spans.reduce((sum, span) => sum + SIZES.text(span.text) + 30, 0);
    if (size > SIZES.limit - ROOM_FOR_NOTES) break;
    lines.push(spans);
    shown++;
  }
  if (shown < batch.length)
    lines.push([text(`… ${say("newsMore", { count: batch.length - shown })}`, MAX_TITLE)]);
  return lines.flatMap((spans, index) => (index === 0 ? spans : [text("\n", 1), ...spans]));
}

/** An event as one or two lines. */
function newsSpans({ symbol, title, facts, detail }: News): Span[] {
  const shown = facts.slice(0, MAX_SHOWN_FACTS).map(([, value]) => value);
  const head: Span[] = [
    { text: oneLine(`${symbol} ${title}`, MAX_TITLE), tags: [{ kind: "bold" }] },
    { text: `  ${oneLine(shown.join(" · "), MAX_FACTS)}`, tags: [] },
  ];
  if (detail === undefined) return head;
  return [...head, text("\n", 1), { text: oneLine(detail, MAX_DETAIL), tags: [{ kind: "quote" }] }];
}

function text(of: string, most: number): Span {
  return { text: of === "\n" ? of : oneLine(of, most), tags: [] };
}

function oneLine(of: string, most: number): string {
  return clip(of.replace(/\s+/g, " ").trim(), most, SIZES);
}

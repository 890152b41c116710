/** All texts of the bot, in every language. `{name}` is replaced by a value. */
const TEXTS = {
  approve: { en: "Approve", tr: "Onayla" },
  deny: { en: "Deny", tr: "Reddet" },
  approveSession: { en: "Approve for this session", tr: "Bu oturum için onayla" },
  done: { en: "Done", tr: "Tamam" },

  mayUse: { en: "May Claude use {tool}?", tr: "Claude {tool} kullanabilir mi?" },
  asks: { en: "Claude asks", tr: "Claude soruyor" },
  orReply: {
    en: "Or reply to this message with your own answer.",
    tr: "Ya da bu mesajı yanıtlayarak kendi cevabınızı yazın.",
  },
  wasDenied: { en: "Tool calls denied: {count}", tr: "Reddedilen araç çağrıları: {count}" },
  notShown: {
    en: "Characters not shown: {count}. Read the whole call before you approve it.",
    tr: "Burada gösterilmeyen karakterler: {count}. Onaylamadan önce tamamına bakın.",
  },
  approvedBy: { en: "Approved by {who}", tr: "Onaylayan: {who}" },
  approvedSessionBy: { en: "Approved for this session by {who}", tr: "Bu oturum için onaylayan: {who}" },
  deniedBy: { en: "Denied by {who}", tr: "Reddeden: {who}" },
  answeredBy: { en: "Answered by {who}", tr: "Cevaplayan: {who}" },
  expired: { en: "Expired without a decision", tr: "Süresi doldu: kimse karar vermedi" },
  withdrawn: { en: "Withdrawn: the turn continued without it", tr: "Geri çekildi: istek onsuz devam etti" },
  parked: {
    en: "Waiting for a decision. The turn continues when somebody decides.",
    tr: "Karar bekliyor. Biri karar verince devam eder.",
  },

  pressed: { en: "Done.", tr: "Tamam." },
  alreadyDecided: {
    en: "Somebody else has already decided this.",
    tr: "Biri daha hızlıydı: karar verildi.",
  },
  staleButton: { en: "This button is no longer valid.", tr: "Bu düğme artık geçerli değil." },
  notForYou: {
    en: "Sorry, you are not allowed to use this bot.",
    tr: "Üzgünüm, bu botu kullanabilenler arasında değilsiniz.",
  },
  anonymous: {
    en: "Sorry, anonymous admins cannot use this bot. Turn off “Remain anonymous” in your admin rights.",
    tr: "Üzgünüm, burada adsız yazıyorsunuz: yönetici haklarınızda “Anonim kal” seçeneğini kapatın.",
  },
  otherChat: { en: "Sorry, this bot belongs to another chat.", tr: "Üzgünüm, bu bot başka bir sohbete ait." },
  notAllowed: { en: "Not possible: {reason}", tr: "Mümkün değil: {reason}" },

  help: {
    en: "Write to Claude. In a group with topics, each topic is a session; elsewhere, each reply chain is a session.\n\n/new [model] – start a new session\n/stop – stop the running turn and drop waiting messages\n/status – show turns and cost\n/close – delete this session, and its folder if the gateway created it\n/help – show this text",
    tr: "Claude'a yazın: konulu gruplarda her konu bir oturumdur, başka yerlerde her yanıt zinciri.\n\n/new [model] – yeni oturum\n/stop – çalışan isteği durdur, bekleyenleri sil\n/status – istekler ve maliyet\n/close – bu oturumu sil; klasörünü geçit oluşturduysa onu da\n/help – bu metin",
  },
  helpNew: { en: "start a new session, optionally with a model", tr: "yeni oturum, isterseniz bir modelle" },
  helpStop: { en: "stop the running turn", tr: "çalışan isteği durdur" },
  helpStatus: { en: "show turns and cost", tr: "istekler ve maliyet" },
  helpClose: { en: "delete this session", tr: "bu oturumu sil" },
  helpHelp: { en: "what this bot can do", tr: "bu bot neler yapabilir" },

  newTopic: { en: "Claude {model} {time}", tr: "Claude {model} {time}" },
  newInTopic: { en: "New session with {model}. Write here.", tr: "{model} ile yeni oturum. Buraya yazın." },
  newInChat: {
    en: "New session with {model}. Reply to this message.",
    tr: "{model} ile yeni oturum. Bu mesajı yanıtlayın.",
  },
  seeTopic: { en: "The new session is in the topic {name}.", tr: "Yeni oturum {name} konusunda." },
  stopped: { en: "Stopped.", tr: "Durduruldu." },
  stoppedMany: {
    en: "Stopped. Waiting messages dropped: {count}.",
    tr: "Durduruldu. Silinen bekleyen mesajlar: {count}.",
  },
  nothingRuns: { en: "Nothing is running here.", tr: "Burada çalışan bir şey yok." },
  closed: { en: "The session is deleted.", tr: "Oturum silindi." },
  noSession: {
    en: "There is no session here yet. Write a message to start one.",
    tr: "Burada henüz oturum yok: bir şey yazın.",
  },
  sessionGone: {
    en: "The session was deleted; this is a new one.",
    tr: "Oturum bu arada silinmiş; bu yeni bir oturum.",
  },
  statusSession: {
    en: "Session {id}\nModel: {model}\nTurns: {turns}\nCost: {cost}\nTokens: {input} in, {output} out",
    tr: "Oturum {id}\nModel: {model}\nİstekler: {turns}\nMaliyet: {cost}\nToken: {input} giriş, {output} çıkış",
  },
  statusKey: {
    en: "All sessions of this chat: {turns} turns, {cost}",
    tr: "Bu sohbetin bütün oturumları: {turns} istek, {cost}",
  },
  statusRunning: {
    en: "A turn is running. Messages waiting: {count}.",
    tr: "Bir istek çalışıyor. Bekleyen mesajlar: {count}.",
  },
  textOnly: {
    en: "Sorry, I can only read text, photos and PDF files of up to 20 MB.",
    tr: "Üzgünüm, yalnızca metin, fotoğraf ve 20 MB'a kadar PDF dosyalarını okuyabiliyorum.",
  },
  fileLost: {
    en: "A file of this message could not be fetched from Telegram. Send it again.",
    tr: "Bu mesajın bir dosyası Telegram'dan alınamadı. Yeniden gönderin.",
  },
  tooMany: {
    en: "Too many messages are waiting here; this one was not accepted. Send it again later.",
    tr: "Burada zaten çok fazla mesaj bekliyor; bu alınmadı. Daha sonra yeniden gönderin.",
  },
  queued: { en: "Queued ({position})…", tr: "Sırasını bekliyor ({position})…" },
  noText: { en: "(no text)", tr: "(metin yok)" },
  failed: { en: "Failed: {reason}", tr: "Başarısız: {reason}" },
  interrupted: {
    en: "The gateway was restarted while this ran. Send it again if you still need it.",
    tr: "Bu çalışırken geçit yeniden başlatıldı. Hâlâ istiyorsanız yeniden gönderin.",
  },
  restOfAnswer: { en: "The whole answer", tr: "Cevabın tamamı" },

  newsFinished: { en: "Request finished", tr: "İstek bitti" },
  newsFailed: { en: "Request failed", tr: "İstek başarısız" },
  newsRefused: { en: "Request refused", tr: "İstek reddedildi" },
  newsInterrupted: { en: "Request interrupted", tr: "İstek durduruldu" },
  newsTimeout: { en: "Request timed out", tr: "İstek zaman aşımına uğradı" },
  newsLost: { en: "Request lost in a crash", tr: "İstek bir çökmede kayboldu" },
  newsBroken: { en: "Internal error in a request", tr: "Geçit bir isteği yapamadı" },
  newsStarted: { en: "Session started", tr: "Oturum başladı" },
  newsDeleted: { en: "Session deleted", tr: "Oturum silindi" },
  newsBudget: { en: "{percent}% of a budget is used up", tr: "Bir bütçenin %{percent} kadarı kullanıldı" },
  newsParked: { en: "Parked until a decision is made", tr: "Biri karar verene kadar bekliyor" },
  newsExpired: { en: "Approval expired", tr: "Onayın süresi doldu" },
  newsMore: { en: "and {count} more", tr: "ve {count} olay daha" },
  newsLostEvents: {
    en: "Older events dropped because Telegram was unreachable: {count}",
    tr: "Silinen eski olaylar: {count}; Telegram'a ulaşılamadı",
  },
} as const;

export type Language = "en" | "tr";
export type TextKey = keyof typeof TEXTS;
export type Say = (key: TextKey, values?: Readonly<Record<string, string | number>>) => string;

/** The bot's texts in one language. Plain text: the message escapes it. */
export function textsIn(language: Language): Say {
  return (key, values = {}) =>
    TEXTS[key][language].replace(/\{(\w+)\}/g, (slot, name: string) => String(values[name] ?? slot));
}

/** For the test that no text is missing. */
export const ALL_TEXTS: Readonly<Record<string, Readonly<Record<Language, string>>>> = TEXTS;

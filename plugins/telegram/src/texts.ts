/** What the bot itself says, in one table: every text in every language. `{name}` stands for a value. */
const TEXTS = {
  approve: { en: "Approve", tr: "Onayla" },
  deny: { en: "Deny", tr: "Reddet" },
  approveSession: { en: "Approve for this session", tr: "Bu oturum için onayla" },
  done: { en: "Done", tr: "Tamam" },

  mayUse: { en: "May Claude use {tool}?", tr: "Claude {tool} kullanabilir mi?" },
  asks: { en: "Claude asks", tr: "Claude soruyor" },
  orReply: {
    en: "Or reply to this message with an answer of your own.",
    tr: "Ya da bu mesajı yanıtlayarak kendi cevabınızı yazın.",
  },
  wasDenied: { en: "Tool calls denied: {count}", tr: "Reddedilen araç çağrıları: {count}" },
  notShown: {
    en: "Characters not shown here: {count}. Look at all of it before you approve.",
    tr: "Burada gösterilmeyen karakterler: {count}. Onaylamadan önce tamamına bakın.",
  },
  approvedBy: { en: "Approved by {who}", tr: "Onaylayan: {who}" },
  approvedSessionBy: { en: "Approved for this session by {who}", tr: "Bu oturum için onaylayan: {who}" },
  deniedBy: { en: "Denied by {who}", tr: "Reddeden: {who}" },
  answeredBy: { en: "Answered by {who}", tr: "Cevaplayan: {who}" },
  expired: { en: "Expired: nobody decided", tr: "Süresi doldu: kimse karar vermedi" },
  withdrawn: { en: "Withdrawn: the turn went on without it", tr: "Geri çekildi: istek onsuz devam etti" },
  parked: {
    en: "Waits for a decision. It goes on as soon as somebody decides.",
    tr: "Karar bekliyor. Biri karar verince devam eder.",
  },

  pressed: { en: "Done.", tr: "Tamam." },
  alreadyDecided: {
    en: "Somebody else was faster: this has been decided.",
    tr: "Biri daha hızlıydı: karar verildi.",
  },
  staleButton: { en: "This button is no longer valid.", tr: "Bu düğme artık geçerli değil." },
  notForYou: {
    en: "Sorry, you are not among those who may use this bot.",
    tr: "Üzgünüm, bu botu kullanabilenler arasında değilsiniz.",
  },
  anonymous: {
    en: "Sorry, you write without a name here: switch off “Remain anonymous” in your admin rights.",
    tr: "Üzgünüm, burada adsız yazıyorsunuz: yönetici haklarınızda “Anonim kal” seçeneğini kapatın.",
  },
  otherChat: { en: "Sorry, this bot belongs to another chat.", tr: "Üzgünüm, bu bot başka bir sohbete ait." },
  notAllowed: { en: "Not possible: {reason}", tr: "Mümkün değil: {reason}" },

  help: {
    en: "Write to Claude: in a group with topics each topic is a session, elsewhere each chain of replies.\n\n/new [model] – a new session\n/stop – stop the running turn and drop what waits\n/status – turns and cost\n/close – delete this session, with its folder if the gateway made it\n/help – this text",
    tr: "Claude'a yazın: konulu gruplarda her konu bir oturumdur, başka yerlerde her yanıt zinciri.\n\n/new [model] – yeni oturum\n/stop – çalışan isteği durdur, bekleyenleri sil\n/status – istekler ve maliyet\n/close – bu oturumu sil; klasörünü geçit oluşturduysa onu da\n/help – bu metin",
  },
  helpNew: { en: "new session, with a model if you like", tr: "yeni oturum, isterseniz bir modelle" },
  helpStop: { en: "stop the running turn", tr: "çalışan isteği durdur" },
  helpStatus: { en: "turns and cost", tr: "istekler ve maliyet" },
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
    en: "There is no session here yet: write something.",
    tr: "Burada henüz oturum yok: bir şey yazın.",
  },
  sessionGone: {
    en: "The session was deleted meanwhile; this is a new one.",
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
  textOnly: { en: "Sorry, I can only read text.", tr: "Üzgünüm, yalnızca metin okuyabiliyorum." },
  tooMany: {
    en: "Too many messages wait here already; this one was not taken. Send it again later.",
    tr: "Burada zaten çok fazla mesaj bekliyor; bu alınmadı. Daha sonra yeniden gönderin.",
  },
  queued: { en: "Waits for its turn ({position})…", tr: "Sırasını bekliyor ({position})…" },
  noText: { en: "(no text)", tr: "(metin yok)" },
  failed: { en: "Failed: {reason}", tr: "Başarısız: {reason}" },
  interrupted: {
    en: "The gateway was restarted while this ran. Send it again if you still want it.",
    tr: "Bu çalışırken geçit yeniden başlatıldı. Hâlâ istiyorsanız yeniden gönderin.",
  },
  restOfAnswer: { en: "The whole answer", tr: "Cevabın tamamı" },

  newsFinished: { en: "Request finished", tr: "İstek bitti" },
  newsFailed: { en: "Request failed", tr: "İstek başarısız" },
  newsRefused: { en: "Request refused", tr: "İstek reddedildi" },
  newsInterrupted: { en: "Request interrupted", tr: "İstek durduruldu" },
  newsTimeout: { en: "Request timed out", tr: "İstek zaman aşımına uğradı" },
  newsLost: { en: "Request lost in a crash", tr: "İstek bir çökmede kayboldu" },
  newsBroken: { en: "The gateway failed a request", tr: "Geçit bir isteği yapamadı" },
  newsStarted: { en: "Session started", tr: "Oturum başladı" },
  newsDeleted: { en: "Session deleted", tr: "Oturum silindi" },
  newsParked: { en: "Parked until somebody decides", tr: "Biri karar verene kadar bekliyor" },
  newsExpired: { en: "Approval expired", tr: "Onayın süresi doldu" },
  newsMore: { en: "and {count} more", tr: "ve {count} olay daha" },
  newsLostEvents: {
    en: "Older events dropped: {count}, since Telegram could not be reached",
    tr: "Silinen eski olaylar: {count}; Telegram'a ulaşılamadı",
  },
} as const;

export type Language = "en" | "tr";
export type TextKey = keyof typeof TEXTS;
export type Say = (key: TextKey, values?: Readonly<Record<string, string | number>>) => string;

/** The bot's texts in a language, plain: escaping is the message's business. */
export function textsIn(language: Language): Say {
  return (key, values = {}) =>
    TEXTS[key][language].replace(/\{(\w+)\}/g, (slot, name: string) => String(values[name] ?? slot));
}

/** For the test that no text is missing. */
export const ALL_TEXTS: Readonly<Record<string, Readonly<Record<Language, string>>>> = TEXTS;

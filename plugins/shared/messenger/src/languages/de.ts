import type { Texts } from "./en.js";

export const de: Texts = {
  approve: "Erlauben",
  deny: "Ablehnen",
  approveSession: "In dieser Sitzung immer erlauben",
  done: "Fertig",
  choose: "Auswählen",

  mayUse: "Darf Claude {tool} benutzen?",
  asks: "Claude fragt",
  orReply: "Oder antworten Sie auf diese Nachricht mit eigenen Worten.",
  wasDenied: "Abgelehnte Aufrufe: {count}",
  notShown: "Nicht gezeigte Zeichen: {count}. Lesen Sie den ganzen Aufruf, bevor Sie ihn erlauben.",
  approvedBy: "Erlaubt von {who}",
  approvedSessionBy: "Für diese Sitzung erlaubt von {who}",
  deniedBy: "Abgelehnt von {who}",
  answeredBy: "Beantwortet von {who}",
  expired: "Ohne Entscheidung abgelaufen",
  withdrawn: "Zurückgezogen: nichts wartet mehr darauf",
  didNotRun: "Davon liefen nicht: {count}.",
  conversationLost:
    "Diese Unterhaltung ist auf dem Rechner von Claude verloren und kann nicht weitergehen. Beginnen Sie mit {command} eine neue.",
  parked: "Wartet auf eine Entscheidung. Es geht weiter, sobald jemand entscheidet.",
  goesOn: "Es geht weiter.",

  pressed: "Erledigt.",
  alreadyDecided: "Das hat schon jemand anders entschieden.",
  staleButton: "Dieser Knopf gilt nicht mehr.",
  notForYou: "Sie dürfen diesen Bot leider nicht benutzen.",
  anonymous:
    "Anonyme Administratoren können diesen Bot nicht benutzen. Schalten Sie in Ihren Rechten „Anonym bleiben“ aus.",
  otherChat: "Dieser Bot gehört zu einem anderen Chat.",
  notAllowed: "Nicht möglich: {reason}",

  helpThreads:
    "Erwähnen Sie mich in einem Kanal oder schreiben Sie mir: jeder Thread ist eine Sitzung. Befehle beginnen mit einem Ausrufezeichen, auch die der CLI.",
  helpTopics:
    "Schreiben Sie an Claude. In Gruppen mit Themen ist jedes Thema eine Sitzung, sonst jede Kette von Antworten.",
  helpNew: "neue Sitzung, auf Wunsch mit einem Modell",
  helpStop: "laufende Anfrage anhalten und wartende Nachrichten verwerfen",
  helpStatus: "Anfragen und Kosten zeigen",
  helpFile: "eine Datei der Sitzung senden",
  helpRepos: "Repositorys auflisten, oder eines für die Sitzung wählen, die hier beginnt",
  helpClose: "diese Sitzung löschen, und ihren Ordner, wenn das Gateway ihn angelegt hat",
  helpHelp: "was dieser Bot kann",

  newTopic: "Claude {model} {time}",
  newInTopic: "Neue Sitzung mit {model}. Schreiben Sie hier.",
  newInChat: "Neue Sitzung mit {model}. Antworten Sie auf diese Nachricht.",
  seeTopic: "Die neue Sitzung ist im Thema {name}.",
  stopped: "Angehalten.",
  stoppedMany: "Angehalten. Verworfene wartende Nachrichten: {count}.",
  nothingRuns: "Hier läuft nichts.",
  closed: "Die Sitzung ist gelöscht.",
  noSession: "Hier gibt es noch keine Sitzung. Schreiben Sie etwas, um eine zu beginnen.",
  sessionGone: "Die Sitzung wurde gelöscht; dies ist eine neue.",
  noRepos:
    "Dieser Bot hat noch keine Repositorys. Sein Betreiber fügt sie hinzu: das Plugin repos, mit der Key-ID {key}.",
  repoList: "Repositorys:",
  repoHow:
    "Wählen Sie eines mit {command} und seiner Nummer oder seinem Namen, vor der ersten Nachricht; {command} - wählt keines.",
  repoTooLate:
    "Diese Sitzung hat schon einen Ordner. Beginnen Sie eine neue mit {prefix}new und wählen Sie dort.",
  repoUnknown: "Es gibt kein Repository {name}, oder mehrere mit diesem Namen.",
  repoChosen: "Die Sitzung, die mit Ihrer nächsten Nachricht beginnt, arbeitet in {workdir}.",
  repoNone: "Es ist kein Repository gewählt.",
  statusSession:
    "Sitzung {id}\nModell: {model}\nAnfragen: {turns}\nKosten: {cost}\nTokens: {input} hinein, {output} heraus",
  statusKey: "Alle Sitzungen dieses Chats: {turns} Anfragen, {cost}",
  statusRunning: "Eine Anfrage läuft. Wartende Nachrichten: {count}.",
  textOnly: "Ich kann nur Text, Bilder, PDF- und Textdateien bis 20 MB lesen.",
  voiceUnsupported: "Sprachnachrichten kann ich nicht hören: dafür ist kein Dienst eingerichtet.",
  notTranscribed: "Diese Sprachnachricht konnte nicht in Text übertragen werden. Schreiben Sie sie bitte.",
  noFile: "Die Datei {path} gibt es in dieser Sitzung nicht.",
  fileNotSent: "Die Datei {name} konnte nicht gesendet werden: {reason}",
  fileLost: "Eine Datei dieser Nachricht war bei {messenger} nicht abzuholen. Senden Sie sie noch einmal.",
  filesNoAnswer:
    "Dateien können eine Frage nicht beantworten. Senden Sie sie noch einmal, sobald sie beantwortet ist.",
  tooManyFiles:
    "Ich lese die ersten {most} Dateien einer Nachricht. Weggelassen: {count}. Senden Sie sie in einer weiteren.",
  filesTooLarge:
    "Die Dateien einer Nachricht dürfen zusammen {most} MB haben. Weggelassen: {count}. Senden Sie sie in einer weiteren.",
  tooMany:
    "Hier warten schon zu viele Nachrichten; diese wurde nicht angenommen. Senden Sie sie später noch einmal.",
  tooLong: "Diese Nachricht ist zu lang; senden Sie den Text als Datei.",
  queued: "In der Warteschlange ({position})…",
  noText: "(kein Text)",
  failed: "Fehlgeschlagen: {reason}",
  interrupted:
    "Das Gateway wurde währenddessen neu gestartet. Senden Sie es noch einmal, wenn Sie es noch brauchen.",
  restOfAnswer: "Die ganze Antwort",

  newsFinished: "Anfrage fertig",
  newsFailed: "Anfrage fehlgeschlagen",
  newsRefused: "Anfrage abgewiesen",
  newsInterrupted: "Anfrage angehalten",
  newsTimeout: "Anfrage dauerte zu lange",
  newsLost: "Anfrage bei einem Absturz verloren",
  newsBroken: "Interner Fehler in einer Anfrage",
  newsStarted: "Sitzung begonnen",
  newsDeleted: "Sitzung gelöscht",
  newsBudget: "{percent} % eines Budgets sind verbraucht",
  newsParked: "Wartet auf eine Entscheidung",
  newsExpired: "Frist einer Entscheidung abgelaufen",
  newsMore: "und {count} weitere",
  newsLostEvents: "Verworfene ältere Ereignisse: {count}; {messenger} nahm sie nicht an",
};

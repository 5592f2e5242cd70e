// Follows /api/v1/live, and connects again, ever more slowly, when the connection is lost.
//
//   tab that holds the lock ── one connection ── server
//     └── tells all other tabs of this browser what comes
//
// A browser has six connections to a server, so a connection for each tab would starve the seventh.
// Where a page cannot have locks (plain HTTP to another host) each tab has its own connection.

const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 30_000;
/** The server sends at least every 15 s; a connection that is silent for longer is dead. */
const SILENCE_MS = 45_000;

/** Follow the status: `onStatus(status)` for each one, `onLost()`, `onConnecting()`. */
export function follow(url, listener) {
  const name = new URL(url, document.baseURI).href;
  const channel = new BroadcastChannel(name);
  let isLeader = false;
  let last = null;
  let watchdog = null;

  function hear(kind, text) {
    if (kind === "lost") listener.onLost();
    else if (kind === "connecting") listener.onConnecting();
    else if (kind === "status") listener.onStatus(JSON.parse(text));
  }

  /** Tell this tab and the others. */
  function tell(kind, text = "") {
    last = [kind, text];
    channel.postMessage(last);
    hear(kind, text);
  }

  function lead() {
    if (isLeader) return;
    isLeader = true;
    clearTimeout(watchdog);
    connect(url, tell);
  }

  /** Lead if the tab that leads is silent. */
  function watch() {
    clearTimeout(watchdog);
    if (!isLeader) watchdog = setTimeout(lead, 2 * SILENCE_MS);
  }

  channel.addEventListener("message", ({ data: [kind, text] }) => {
    if (kind === "hello") {
      if (isLeader && last) channel.postMessage(last);
    } else if (!isLeader) {
      watch();
      hear(kind, text);
    }
  });
  if (navigator.locks) {
    watch();
    channel.postMessage(["hello", ""]);
    // A tab that is closed lets go of the lock, and the next one gets it.
    navigator.locks.request(name, () => {
      lead();
      return new Promise(() => {});
    });
  } else {
    lead();
  }
}

function connect(url, tell) {
  let source = null;
  let waitMs = FIRST_WAIT_MS;
  let retry = null;
  let watchdog = null;

  function open() {
    clearTimeout(retry);
    retry = null;
    source?.close();
    source = new EventSource(url);
    tell("connecting");
    source.addEventListener("status", (event) => {
      waitMs = FIRST_WAIT_MS;
      watch();
      tell("status", event.data);
    });
    source.addEventListener("error", lost);
    watch();
  }

  function watch() {
    clearTimeout(watchdog);
    watchdog = setTimeout(lost, SILENCE_MS);
  }

  function lost() {
    clearTimeout(watchdog);
    source.close();
    if (retry !== null) return;
    // Many pages must not come back in the same moment.
    const wait = waitMs * (0.75 + Math.random() / 2);
    waitMs = Math.min(2 * waitMs, LONGEST_WAIT_MS);
    retry = setTimeout(open, wait);
    tell("lost");
  }

  // A machine that wakes, or a person who looks again, need not wait.
  function hurry() {
    if (retry !== null && !document.hidden) open();
  }
  addEventListener("online", hurry);
  document.addEventListener("visibilitychange", hurry);
  addEventListener("pagehide", () => source?.close());
  addEventListener("pageshow", (event) => event.persisted && open());
  open();
}

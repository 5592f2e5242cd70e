// Follows /api/v1/live, and connects again, ever more slowly, when the connection is lost.

const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 30_000;
/** The server sends at least every 15 s; a connection that is silent for longer is dead. */
const SILENCE_MS = 45_000;

/** Follow the status: `onStatus(status)` for each one, `onLost(wait in ms)`, `onConnecting()`. */
export function follow(url, { onStatus, onLost, onConnecting }) {
  let source = null;
  let waitMs = FIRST_WAIT_MS;
  let retry = null;
  let watchdog = null;

  function connect() {
    clearTimeout(retry);
    retry = null;
    source?.close();
    source = new EventSource(url);
    onConnecting();
    source.addEventListener("status", (event) => {
      let status;
      try {
        status = JSON.parse(event.data);
      } catch {
        return lost();
      }
      waitMs = FIRST_WAIT_MS;
      watch();
      onStatus(status);
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
    retry = setTimeout(connect, wait);
    onLost(wait);
  }

  // A machine that wakes, or a person who looks again, need not wait.
  function hurry() {
    if (retry !== null && !document.hidden) connect();
  }
  addEventListener("online", hurry);
  document.addEventListener("visibilitychange", hurry);
  addEventListener("pagehide", () => source?.close());
  addEventListener("pageshow", (event) => event.persisted && connect());
  connect();
}

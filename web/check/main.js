/** The page of the connection test. */

import { Devices, socketUrl } from "../sdk/index.js";
import { h, loadIcons } from "../app/dom.js";
import { themeButton } from "../app/theme-button.js";
import { Check, SUBJECTS } from "./check.js";
import { WAYS } from "./ways.js";
import { MEANINGS, NAMES, advice, outcomeWords, report, verdict } from "./words.js";

/** @import { Subject } from "./check.js" */
/** @import { Result } from "./trial.js" */

void loadIcons().catch((error) => console.warn("the icons did not come; buttons have names, too", error));

/** A server that has not said so long whose its certificate is may have a good one. */
const ABOUT_MS = 3000;

const summary = h("p", { class: "check-summary", role: "status", "data-testid": "check-summary" });
const again = h("button", { type: "button", class: "primary", "data-testid": "check-again", onclick: () => void start() }, "Test again");
const copy = h("button", { type: "button", class: "button", "data-testid": "check-copy", onclick: () => void copyReport() }, "Copy the report");
const copied = h("p", { class: "hint", role: "status", "data-testid": "check-copied" });
const reportText = h("textarea", { readonly: true, rows: "14", spellcheck: "false", "aria-label": "Report", "data-testid": "check-report" });
/** Reads each result out, once. */
const announcer = h("div", { class: "visually-hidden", "aria-live": "polite", "data-testid": "check-news" });
const rows = new Map(SUBJECTS.map((subject) => [subject, row(subject)]));

const main = h("main", { class: "checkup", "data-testid": "check" },
  h("header", { class: "check-head" }, h("a", { class: "brand", href: "/" }, "Parlor"), themeButton()),
  h("h1", {}, "Connection test"),
  h("p", { class: "lead" }, "Every way that sound and picture can take between this browser and the server is tried for real. Your browser asks for microphone and camera at the end; nothing of them is sent."),
  summary,
  h("ol", { class: "check-list" }, ...[...rows.values()].map(({ element }) => element)),
  h("div", { class: "choices" }, again, copy),
  copied,
  h("details", {}, h("summary", { "data-testid": "check-details" }, "The report"), reportText),
  announcer);
document.getElementById("page")?.replaceChildren(main);

/** @type {AbortController | null} */
let running = null;
addEventListener("pagehide", () => running?.abort());
void start();

/** @param {Subject} subject */
function row(subject) {
  const state = h("span", { class: "check-state" });
  const words = h("p", { class: "check-advice" });
  const element = h("li", { "data-testid": `check-${subject}` },
    h("span", { class: "check-name" }, NAMES[subject]), h("span", { class: "hint" }, MEANINGS[subject]), state, words);
  /** @param {Result | undefined} result */
  const show = (result) => {
    element.dataset.outcome = result?.outcome ?? "testing";
    state.textContent = outcomeWords(result);
    words.textContent = advice(subject, result);
    words.hidden = words.textContent === "";
  };
  return { element, show };
}

async function start() {
  running?.abort();
  const control = (running = new AbortController());
  const { signal } = control;
  const about = async () => (await fetch("/check/server.json", { signal: AbortSignal.any([signal, AbortSignal.timeout(ABOUT_MS)]) })).json();
  const check = new Check({ url: socketUrl(location.href), devices: new Devices(), about });
  for (const { show } of rows.values()) show(undefined);
  const text = () => report(check.findings, { page: location.origin, browser: navigator.userAgent, time: new Date(), secure: isSecureContext });
  main.dataset.state = "testing"; // the button stays: pressed again, it begins anew, and the keyboard is not sent away
  copied.textContent = announcer.textContent = "";
  summary.textContent = "Testing; this takes a quarter of a minute at most.";
  reportText.value = text();
  check.on("finding", ({ subject, result }) => {
    rows.get(subject)?.show(result);
    reportText.value = text();
    announcer.textContent = `${NAMES[subject]}: ${outcomeWords(result)}`;
    // Of the devices the browser asks the person, who may take their time.
    if (WAYS.every((way) => check.findings.has(way))) summary.textContent = verdict(check.findings);
  }, { signal });
  check.on("done", () => {
    document.title = `${summary.textContent.split(/[:,.]/)[0]} · Parlor`;
    main.dataset.state = "done";
  }, { signal });
  await check.run(signal);
}

async function copyReport() {
  try {
    await navigator.clipboard.writeText(reportText.value);
    copied.textContent = "Copied.";
  } catch {
    // No clipboard on pages that are not secure: the person copies it.
    /** @type {HTMLDetailsElement | null} */ (reportText.closest("details"))?.setAttribute("open", "");
    reportText.focus();
    reportText.select();
    copied.textContent = "The browser does not let this page copy: the report is selected, so press Ctrl+C.";
  }
}

// Three steps: a photo, a top, the result. Start reading at `dress`.

import * as api from "./api.js";
import * as compare from "./compare.js";
import * as gallery from "./gallery.js";
import * as photos from "./photo.js";
import * as visit from "./visit.js";
import { favourite, knows, say, speak } from "./words.js";

const find = id => document.getElementById(id);
// How far a try-on is when a stage begins, in percent.
const PROGRESS = { segment: 8, matte: 62, transfer: 70, composite: 88, judge: 92, write: 95 };
const FORCEABLE = ["sleeve_mismatch", "view_mismatch", "low_confidence"];
const GOOD = 0.7, FAIR = 0.4; // scores
const OF_THE_TOP = ["no_garment_in_shop_photo", "sleeve_mismatch"];
const AGAIN = ["timeout", "busy", "stopping", "offline", "internal_error", "other", "cancelled"];

let photo = null; // {file, name, url, instance}
let top = null; // {source, name, tile}
let shown = null; // the result on the stage
let turn = 0; // of the latest try-on: answers to earlier ones are dropped
let running = null; // its AbortController
let problem = null;
let step = null; // the latest progress, to be said again in another language

// === The try-on ===

async function dress(force = false) {
  if (!photo || !top) {
    if (running) cancel();
    show("empty");
    tell(say(photo ? "need_top" : "need_photo"));
    return;
  }
  running?.abort();
  const mine = ++turn;
  const control = running = new AbortController();
  const asked = { photo, top };
  const fields = { user: photo.file, shop: top.source };
  if (photo.instance !== undefined) fields.instance = photo.instance;
  if (force) fields.force = "1";
  begin();
  try {
    const answer = await api.dress(fields, told => mine === turn && progress(told), control.signal);
    if (mine === turn) await finish(asked, answer);
  } catch (error) {
    if (mine === turn && error.name !== "AbortError") refuse(error);
  } finally {
    if (mine === turn) running = null;
  }
}

function begin() {
  find("busy-image").src = photo.url;
  show("busy");
  progress({ status: "starting" });
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  if (matchMedia("(max-width: 899px)").matches)
    find("stage").scrollIntoView({ behavior: calm ? "auto" : "smooth", block: "start" });
}

function progress(told) {
  step = told;
  const words = {
    starting: () => say("starting"),
    busy: () => say("busy", told),
    in_queue: () => told.position > 0 ? say("waiting", told) : say("starting"),
    processing: () => say(`stage_${told.stage}`),
  }[told.status]();
  if (find("busy-text").textContent !== words) {
    find("busy-text").textContent = words;
    tell(words);
  }
  const value = told.status === "processing" ? PROGRESS[told.stage] ?? 50 : 3;
  find("busy-bar").setAttribute("aria-valuenow", value);
  find("busy-fill").style.width = `${value}%`;
}

function cancel() {
  turn++;
  running?.abort();
  running = null;
  if (shown) display(shown);
  else show("empty");
  tell(say("cancelled"));
}

async function finish(asked, answer) {
  const result = {
    url: URL.createObjectURL(answer.file),
    file: answer.file,
    before: asked.photo.url,
    top: asked.top.name,
    name: `${stem(asked.photo.name)}__${stem(asked.top.file ?? asked.top.name)}.png`,
    score: answer.score,
    warnings: answer.warnings,
  };
  visit.add(result);
  await display(result);
  tell(say("done"));
}

// === The stage ===

function show(panel) {
  for (const name of ["empty", "busy", "problem", "done"]) find(name).hidden = name !== panel;
}

function tell(words) {
  find("live").textContent = words;
}

async function display(result) {
  shown = result;
  show("done");
  describe(result);
  visit.draw(result);
  find("download").href = result.url;
  find("download").download = result.name;
  find("share").hidden = !navigator.canShare?.({ files: [shareable(result)] });
  await compare.show(result.before, result.url, say("result_alt", { top: result.top }));
}

function describe(result) {
  const level = result.score >= GOOD ? "good" : result.score >= FAIR ? "fair" : "poor";
  find("dot").className = `dot ${level}`;
  find("score-words").textContent = say(`score_${level}`);
  find("score-number").textContent = say("score_number", { score: Math.round(100 * result.score) });
  const words = new Set(result.warnings.map(warning).filter(Boolean));
  find("warnings").replaceChildren(...[...words].map(name => {
    const entry = document.createElement("li");
    entry.textContent = say(name);
    return entry;
  }));
}

function warning(text) {
  if (text.includes("seem swapped")) return "warn_swapped";
  if (text.includes("placed by")) return "warn_guess";
  if (text.includes("may lie off")) return "warn_off";
  return FORCEABLE.some(name => text.startsWith(name)) ? "warn_forced" : "";
}

function refuse(error) {
  problem = { name: knows(`refused_${error.name}`) ? error.name : "other" };
  problem.isTop = OF_THE_TOP.includes(error.name) || (error.message ?? "").startsWith("the shop's");
  explain();
  show("problem");
  tell(`${find("problem-title").textContent}. ${find("problem-text").textContent}`);
}

function explain() {
  const { name, isTop } = problem;
  find("problem-title").textContent = say(`refused_${name}`);
  find("problem-text").textContent = say(`remedy_${name}`);
  find("problem-mend").textContent = say(isTop ? "mend_top" : "mend_photo");
  find("problem-mend").hidden = AGAIN.includes(name);
  find("problem-again").hidden = !AGAIN.includes(name);
  find("problem-force").hidden = !FORCEABLE.includes(name);
}

function mend() {
  if (problem.isTop) find("gallery").querySelector("[aria-pressed=true]")?.focus();
  else find("photo-file").click();
}

// === Photo and top ===

async function takePhoto(file, name = file.name) {
  // The old photo's URL stays: results of this visit show what was before.
  photo = { file, name: name || "me.jpg", url: URL.createObjectURL(file) };
  const mine = photo;
  const looked = photos.show(photo);
  if (top) dress();
  else show("empty");
  try {
    await looked;
    if (mine === photo && !top) tell(say("need_top"));
  } catch (error) {
    // A server that is busy now may have time once a top is chosen.
    if (mine === photo && !running && !AGAIN.includes(error.name)) refuse(error);
  }
}

function takeTop(chosen) {
  top = chosen;
  gallery.mark(chosen.tile);
  dress();
}

function takeOwnTop(file) {
  find("top-own-image").src = URL.createObjectURL(file);
  find("top-own-image").hidden = false;
  takeTop({ source: file, name: say("top_own"), file: file.name || "top.png", tile: gallery.own() });
}

function stem(name) {
  return name.replace(/\.[^.]*$/, "").replace(/[^\p{L}\p{N}_-]+/gu, "_");
}

function shareable(result) {
  return new File([result.file], result.name, { type: "image/png" });
}

async function share() {
  try {
    await navigator.share({ files: [shareable(shown)] });
  } catch (error) {
    if (error.name !== "AbortError") find("download").click();
  }
}

// === Files: chosen, dropped, pasted ===

function onFile(input, take) {
  find(input).addEventListener("change", () => {
    const [file] = find(input).files;
    find(input).value = ""; // the same file may be chosen again
    if (file) take(file);
  });
}

function onDrop(area, take) {
  const over = isOver => event => {
    event.preventDefault();
    find(area).classList.toggle("over", isOver);
  };
  find(area).addEventListener("dragover", over(true));
  find(area).addEventListener("dragleave", over(false));
  find(area).addEventListener("drop", event => {
    over(false)(event);
    const [file] = event.dataTransfer.files;
    if (file) take(file);
  });
}

function paste(event) {
  const file = [...event.clipboardData.files].find(one => one.type.startsWith("image/"));
  if (!file) return;
  event.preventDefault();
  if (photo && (!top || find("tops").contains(document.activeElement))) takeOwnTop(file);
  else takePhoto(file);
}

async function useSample() {
  const picture = await api.sample();
  takePhoto(new File([picture], "sample.jpg", { type: "image/jpeg" }));
}

// === Start ===

function askForToken() {
  const dialog = find("token");
  if (!dialog.open) dialog.showModal();
  return new Promise(resolve => {
    dialog.addEventListener("close", () => resolve(find("token-value").value), { once: true });
  });
}

function listen() {
  find("photo-choose").addEventListener("click", () => find("photo-file").click());
  find("photo-other").addEventListener("click", () => find("photo-file").click());
  find("photo-take").addEventListener("click", () => find("photo-camera").click());
  find("photo-sample").addEventListener("click", useSample);
  find("top-own").addEventListener("click", () => find("top-file").click());
  find("busy-cancel").addEventListener("click", cancel);
  find("problem-mend").addEventListener("click", mend);
  find("problem-force").addEventListener("click", () => dress(true));
  find("problem-again").addEventListener("click", () => dress());
  find("share").addEventListener("click", share);
  find("token-form").addEventListener("submit", () => find("token").close());
  onFile("photo-file", takePhoto);
  onFile("photo-camera", takePhoto);
  onFile("top-file", takeOwnTop);
  onDrop("photo-drop", takePhoto);
  onDrop("tops-drop", takeOwnTop);
  for (const name of ["dragover", "drop"]) // a file beside the areas must not replace the page
    addEventListener(name, event => event.preventDefault());
  addEventListener("paste", paste);
  find("language").addEventListener("change", () => translate(find("language").value));
}

async function translate(language) {
  await speak(language);
  find("language").value = language;
  gallery.speak();
  photos.speak();
  if (step && !find("busy").hidden) progress(step);
  if (problem) explain();
  if (shown) {
    describe(shown);
    visit.draw(shown);
  }
}

api.open(askForToken);
listen();
compare.start();
photos.start(() => { if (top) dress(); });
visit.start(display);
await translate(favourite());
await gallery.start(takeTop);
document.documentElement.dataset.ready = "yes";

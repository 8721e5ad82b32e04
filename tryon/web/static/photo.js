// The user's photo: its picture, and who of several people is to be dressed.

import * as api from "./api.js";
import { say } from "./words.js";

const TOP = 1; // label of a short-sleeve top
const find = id => document.getElementById(id);
let onPick = () => {};
let looking = new AbortController();
let told = ["", {}];

export function start(pick) {
  onPick = pick;
}

export function speak() {
  find("photo-image").alt = say("photo_alt");
  note(...told);
}

// Shows a photo and looks who is in it; resolves when it is known.
export async function show(photo) {
  looking.abort();
  looking = new AbortController();
  const signal = looking.signal;
  find("photo-ask").hidden = true;
  find("photo-shown").hidden = false;
  find("photo-image").src = photo.url;
  find("photo-image").alt = say("photo_alt");
  for (const one of find("photo-frame").querySelectorAll(".person")) one.remove();
  note("photo_looking");
  let seen;
  try {
    seen = await api.segment(photo.file, signal);
  } catch (error) {
    if (error.name === "AbortError") return;
    note(""); // the try-on will say what is wrong
    throw error;
  }
  if (signal.aborted) return;
  if (seen.several) offer(photo, seen);
  else note(seen.chosen === null ? "photo_none" : "photo_one");
}

function note(name, values = {}) {
  told = [name, values];
  find("photo-note").textContent = name ? say(name, values) : "";
}

function offer(photo, seen) {
  const [height, width] = seen.size;
  const people = seen.instances
    .map((found, index) => ({ index, box: found.box, label: found.label }))
    .filter(found => found.label === TOP)
    .sort((a, b) => a.box[0] - b.box[0]);
  note("photo_several");
  people.forEach(({ index, box }, place) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "person";
    button.setAttribute("aria-label", say("photo_person", { number: place + 1 }));
    button.setAttribute("aria-pressed", "false");
    const [x1, y1, x2, y2] = box;
    button.style.left = `${100 * x1 / width}%`;
    button.style.top = `${100 * y1 / height}%`;
    button.style.width = `${100 * (x2 - x1) / width}%`;
    button.style.height = `${100 * (y2 - y1) / height}%`;
    const badge = document.createElement("span");
    badge.textContent = place + 1;
    button.append(badge);
    button.addEventListener("click", () => pick(photo, button, index, place + 1));
    find("photo-frame").append(button);
  });
}

function pick(photo, button, index, number) {
  for (const one of find("photo-frame").querySelectorAll(".person"))
    one.setAttribute("aria-pressed", String(one === button));
  photo.instance = index;
  note("photo_picked", { number });
  onPick();
}

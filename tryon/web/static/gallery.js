// The shop's tops, and one of the user's own.

import * as api from "./api.js";
import { say } from "./words.js";

const MANY = 12; // from here on a search field helps
const find = id => document.getElementById(id);
let onChoose = () => {};
let shown = 0;
let turn = 0;

export function start(choose) {
  onChoose = choose;
  find("tops-more").addEventListener("click", () => load(find("tops-search").value));
  find("tops-search").addEventListener("input", () => search(find("tops-search").value));
  return load("");
}

export function mark(tile) {
  for (const one of find("gallery").querySelectorAll(".tile"))
    one.setAttribute("aria-pressed", String(one === tile));
}

export function own() {
  return find("top-own");
}

export function note(page) {
  const name = page.samples ? "tops_samples" : "tops_shop";
  find("tops-note").textContent = say(name, { total: page.total });
}

let last = { samples: true, total: 0 };

export function speak() {
  note(last);
}

function search(words) {
  for (const one of [...find("gallery").children].slice(1)) one.remove();
  shown = 0;
  return load(words);
}

async function load(words) {
  const mine = ++turn;
  const page = await api.catalog(shown, words);
  if (mine !== turn) return; // a later search answered first
  if (!words) {
    last = page;
    note(page);
    find("tops-search").hidden = page.samples || page.total <= MANY;
  }
  for (const item of page.items) find("gallery").append(row(item));
  shown += page.items.length;
  find("tops-more").hidden = shown >= page.total;
}

function row(item) {
  const tile = document.createElement("button");
  tile.type = "button";
  tile.className = "tile";
  tile.setAttribute("aria-pressed", "false");
  const image = document.createElement("img");
  image.alt = "";
  image.loading = "lazy";
  image.width = 104;
  image.height = 130;
  api.showPicture(image, `v1/catalog/${item.id}`).catch(() => {});
  const name = document.createElement("span");
  name.className = "name";
  name.textContent = item.name;
  tile.append(image, name);
  tile.addEventListener("click", () =>
    onChoose({ source: `catalog:${item.id}`, name: item.name, tile }));
  const entry = document.createElement("li");
  entry.append(tile);
  return entry;
}

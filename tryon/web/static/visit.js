// What was tried on in this visit; it is gone with the page.

const MOST = 24; // results that are kept in memory
const find = id => document.getElementById(id);
const results = [];
let onShow = () => {};

export function start(show) {
  onShow = show;
}

export function add(result) {
  results.unshift(result);
  for (const old of results.splice(MOST)) URL.revokeObjectURL(old.url);
  draw(result);
}

export function draw(current) {
  find("visit").hidden = results.length === 0;
  find("visit-list").replaceChildren(...results.map(one => row(one, one === current)));
}

function row(result, isCurrent) {
  const tile = document.createElement("button");
  tile.type = "button";
  tile.className = "tile";
  tile.setAttribute("aria-pressed", String(isCurrent));
  const image = document.createElement("img");
  image.src = result.url;
  image.alt = "";
  const name = document.createElement("span");
  name.className = "name";
  name.textContent = result.top;
  tile.append(image, name);
  tile.addEventListener("click", () => onShow(result));
  const entry = document.createElement("li");
  entry.append(tile);
  return entry;
}

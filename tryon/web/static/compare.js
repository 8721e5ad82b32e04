// Before and after in one frame, with a line that moves, and zoom.

const ZOOMS = [1, 2, 4];
const find = id => document.getElementById(id);
let zoom = 0; // index in ZOOMS
let size = { width: 1, height: 1 };
let dragged = null;

export function start() {
  find("split").addEventListener("input", () => split(Number(find("split").value)));
  find("zoom-in").addEventListener("click", () => enlarge(zoom + 1));
  find("zoom-out").addEventListener("click", () => enlarge(zoom - 1));
  find("pair").addEventListener("dblclick", () => enlarge((zoom + 1) % ZOOMS.length));
  find("pair").addEventListener("pointerdown", press);
  find("pair").addEventListener("pointermove", move);
  for (const name of ["pointerup", "pointercancel"])
    find("pair").addEventListener(name, () => { dragged = null; });
  addEventListener("resize", fit);
}

export async function show(before, after, alt) {
  find("after").src = after;
  find("before").src = before;
  find("after").alt = alt;
  await find("after").decode();
  size = { width: find("after").naturalWidth, height: find("after").naturalHeight };
  find("before").hidden = false;
  split(0);
  enlarge(0);
}

// A browser that cannot show a photo (HEIC) shows the result alone.
find("before").addEventListener("error", () => { find("before").hidden = true; });

function split(percent) {
  const value = Math.min(100, Math.max(0, percent));
  find("split").value = value;
  find("pair").style.setProperty("--split", `${value}%`);
  find("side-before").hidden = value < 15;
  find("side-after").hidden = value > 85;
}

function enlarge(index) {
  const scroll = find("scroll");
  const middle = {
    x: (scroll.scrollLeft + scroll.clientWidth / 2) / Math.max(scroll.scrollWidth, 1),
    y: (scroll.scrollTop + scroll.clientHeight / 2) / Math.max(scroll.scrollHeight, 1),
  };
  zoom = Math.min(ZOOMS.length - 1, Math.max(0, index));
  fit();
  scroll.scrollLeft = middle.x * scroll.scrollWidth - scroll.clientWidth / 2;
  scroll.scrollTop = middle.y * scroll.scrollHeight - scroll.clientHeight / 2;
  find("zoom-out").disabled = zoom === 0;
  find("zoom-in").disabled = zoom === ZOOMS.length - 1;
  find("pair").classList.toggle("large", zoom > 0);
}

function fit() {
  const room = find("done").clientWidth;
  if (!room) return;
  const scale = Math.min(room / size.width, innerHeight * 0.66 / size.height);
  const width = size.width * scale, height = size.height * scale;
  find("viewer").style.width = `${width}px`;
  find("scroll").style.height = `${height}px`;
  find("pair").style.width = `${width * ZOOMS[zoom]}px`;
  find("pair").style.height = `${height * ZOOMS[zoom]}px`;
}

function press(event) {
  if (event.button !== 0) return;
  const onLine = event.target.closest("#line");
  if (zoom > 0 && !onLine) {
    if (event.pointerType === "touch") return; // the browser scrolls by itself
    dragged = { x: event.clientX, y: event.clientY };
  } else {
    dragged = "line";
    move(event);
  }
  find("pair").setPointerCapture(event.pointerId);
  event.preventDefault();
}

function move(event) {
  if (dragged === "line") {
    const box = find("pair").getBoundingClientRect();
    split(Math.round(100 * (event.clientX - box.left) / box.width));
  } else if (dragged) {
    find("scroll").scrollBy(dragged.x - event.clientX, dragged.y - event.clientY);
    dragged = { x: event.clientX, y: event.clientY };
  }
}

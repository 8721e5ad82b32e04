// Talks to the server. Photos go nowhere else.

const TRIES = 6; // at a busy server
let token = sessionStorage.getItem("token") ?? "";
let askForToken = async () => "";

// A problem with a name that words.*.json know: refused_NAME and remedy_NAME.
export class Problem extends Error {
  constructor(name, message = "", retryAfter = 0) {
    super(message || name);
    this.name = name;
    this.retryAfter = retryAfter;
  }
}

export function open(ask) {
  askForToken = ask;
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (!given) return;
  keep(given);
  history.replaceState(null, "", location.pathname); // no token in what is bookmarked
}

function keep(value) {
  token = value;
  sessionStorage.setItem("token", value);
}

async function send(path, options = {}) {
  const headers = { ...options.headers };
  if (token) headers.Authorization = `Bearer ${token}`;
  let answer;
  try {
    answer = await fetch(path, { ...options, headers });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem("offline");
  }
  if (answer.status === 401) {
    keep(await askForToken());
    return send(path, options);
  }
  if (answer.ok) return answer;
  const told = await answer.json().catch(() => ({}));
  throw new Problem(told.error ?? "other", told.message, Number(answer.headers.get("Retry-After")));
}

export async function catalog(offset, words) {
  const query = new URLSearchParams({ offset, limit: 48, q: words });
  return (await send(`v1/catalog?${query}`)).json();
}

// An <img> cannot send a token, so with one the picture is fetched first.
export async function showPicture(image, path) {
  if (!token) {
    image.src = path;
    return;
  }
  const picture = await (await send(path)).blob();
  image.src = URL.createObjectURL(picture);
}

export async function sample() {
  return (await send("sample.jpg")).blob();
}

export async function segment(photo, signal) {
  const body = new FormData();
  body.append("photo", photo);
  return (await send("v1/segment", { method: "POST", body, signal })).json();
}

// Dresses; tells each step to `onStep`. Resolves to the last line, with the PNG as `file`.
export async function dress(fields, onStep, signal) {
  for (let attempt = 1; ; attempt++) {
    try {
      return await dressOnce(fields, onStep, signal);
    } catch (error) {
      if (error.name !== "busy" || attempt === TRIES) throw error;
      for (let left = error.retryAfter || 2; left > 0; left--) {
        onStep({ status: "busy", seconds: left });
        await pause(1000, signal);
      }
    }
  }
}

async function dressOnce(fields, onStep, signal) {
  const body = new FormData();
  for (const [name, value] of Object.entries(fields)) body.append(name, value);
  const headers = { Accept: "application/x-ndjson" };
  const answer = await send("v1/tryon", { method: "POST", body, headers, signal });
  let last = {};
  try {
    for await (const line of lines(answer.body)) {
      last = JSON.parse(line);
      if (last.status === "failed") throw new Problem(last.error.name, last.error.message);
      if (last.status !== "completed") onStep(last);
    }
  } catch (error) {
    if (error instanceof TypeError) throw new Problem("offline"); // the stream broke off
    throw error;
  }
  if (last.status !== "completed") throw new Problem("offline");
  return { ...last, file: decode(last.image) };
}

async function* lines(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let parts = [];
  for (;;) {
    const { value, done } = await reader.read();
    if (done) break;
    const pieces = value.split("\n");
    parts.push(pieces.shift());
    for (const piece of pieces) {
      yield parts.join("");
      parts = [piece];
    }
  }
}

function decode(dataUrl) {
  const text = atob(dataUrl.slice(dataUrl.indexOf(",") + 1));
  const bytes = Uint8Array.from(text, letter => letter.charCodeAt(0));
  return new Blob([bytes], { type: "image/png" });
}

function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new DOMException("cancelled", "AbortError"));
    }, { once: true });
  });
}

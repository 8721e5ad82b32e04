// The page's words, in the user's language: data-t is an element's text, data-t-label its
// name for screen readers, data-t-hint a field's placeholder.

const LANGUAGES = ["en", "ko"];
let words = {};

export function say(name, values = {}) {
  const text = words[name] ?? name;
  return text.replace(/\{(\w+)\}/g, (all, key) => values[key] ?? all);
}

export function knows(name) {
  return name in words;
}

export function favourite() {
  const wanted = [sessionStorage.getItem("language"), ...navigator.languages];
  const codes = wanted.filter(Boolean).map(code => code.slice(0, 2).toLowerCase());
  return codes.find(code => LANGUAGES.includes(code)) ?? "en";
}

export async function speak(language) {
  const answer = await fetch(`words.${language}.json`);
  words = await answer.json();
  sessionStorage.setItem("language", language);
  document.documentElement.lang = language;
  document.title = say("title");
  for (const one of document.querySelectorAll("[data-t]")) one.textContent = say(one.dataset.t);
  for (const one of document.querySelectorAll("[data-t-label]"))
    one.setAttribute("aria-label", say(one.dataset.tLabel));
  for (const one of document.querySelectorAll("[data-t-hint]"))
    one.placeholder = say(one.dataset.tHint);
}

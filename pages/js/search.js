// Searches the guide in the browser: /search.json is the whole index.
const MOST = 12;
const AROUND = 50; // characters before the first hit of an excerpt
const EXCERPT = 160;

const dialog = document.querySelector("dialog.search");
const input = dialog.querySelector("input");
const list = dialog.querySelector("ul");
const status = dialog.querySelector("[role=status]");

let index; // a promise of the parts, made at the first search
let active = -1;

export function openSearch() {
  if (!dialog.open) dialog.showModal();
  input.select();
  index ??= load();
  show();
}

async function load() {
  const response = await fetch("/search.json");
  if (!response.ok) throw new Error(response.statusText);
  const pages = await response.json();
  return pages.flatMap(({ url, title, section, parts }) =>
    parts.map(([anchor, heading, text]) => ({
      url: anchor ? `${url}#${anchor}` : url,
      place: heading ? title : section,
      name: heading || title,
      text,
      fields: [[heading ? "" : title, 10], [heading, 6], [title, 2], [text, 1]].map(
        ([value, weight]) => [value.toLowerCase(), weight],
      ),
    })),
  );
}

// Every word must be somewhere; the beginning of a word counts more than its middle.
function score(part, words) {
  let sum = 0;
  for (const word of words) {
    let best = 0;
    for (const [value, weight] of part.fields) {
      const at = value.indexOf(word);
      if (at < 0) continue;
      const isStart = at === 0 || !/[\p{L}\p{N}]/u.test(value[at - 1]);
      best = Math.max(best, value === word ? weight * 3 : isStart ? weight : weight / 2);
    }
    if (best === 0) return 0;
    sum += best;
  }
  return sum;
}

async function show() {
  const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
  let parts;
  try {
    parts = await index;
  } catch {
    index = undefined;
    status.textContent = "The index could not be loaded. Open search again to try once more.";
    return;
  }
  const found = parts
    .map((part) => [score(part, words), part])
    .filter(([points]) => words.length && points > 0)
    .sort(([a], [b]) => b - a);
  list.replaceChildren(...found.slice(0, MOST).map(([, part], at) => option(part, at, words)));
  input.setAttribute("aria-expanded", String(found.length > 0));
  activate(found.length ? 0 : -1);
  status.textContent = !words.length
    ? "Type to search. Arrows choose, Enter opens, Escape closes."
    : found.length > MOST
      ? `The best ${MOST} of ${found.length} results.`
      : `${found.length || "No"} result${found.length === 1 ? "" : "s"}.`;
}

function option(part, at, words) {
  const link = document.createElement("a");
  link.href = part.url;
  link.tabIndex = -1;
  const place = document.createElement("small");
  place.textContent = part.place;
  const name = document.createElement("b");
  name.append(...marked(part.name, words));
  const text = document.createElement("span");
  text.append(...marked(excerpt(part.text, words), words));
  link.append(place, name, text);
  const item = document.createElement("li");
  item.id = `search-result-${at}`;
  item.role = "option";
  item.append(link);
  return item;
}

function excerpt(text, words) {
  const lower = text.toLowerCase();
  const hits = words.map((word) => lower.indexOf(word)).filter((at) => at >= 0);
  const first = hits.length ? Math.min(...hits) : 0;
  const start = first > AROUND ? text.indexOf(" ", first - AROUND) + 1 : 0;
  const piece = text.slice(start, start + EXCERPT);
  return `${start > 0 ? "… " : ""}${piece}${start + EXCERPT < text.length ? " …" : ""}`;
}

function* marked(text, words) {
  const lower = text.toLowerCase();
  let at = 0;
  while (at < text.length) {
    const hits = words
      .map((word) => [lower.indexOf(word, at), word.length])
      .filter(([place]) => place >= 0)
      .sort(([a, long], [b, longer]) => a - b || longer - long);
    if (!hits.length) break;
    const [place, length] = hits[0];
    yield text.slice(at, place);
    const mark = document.createElement("mark");
    mark.textContent = text.slice(place, place + length);
    yield mark;
    at = place + length;
  }
  yield text.slice(at);
}

function activate(number) {
  list.children[active]?.setAttribute("aria-selected", "false");
  active = number;
  const item = list.children[active];
  if (item) {
    item.setAttribute("aria-selected", "true");
    item.scrollIntoView({ block: "nearest" });
    input.setAttribute("aria-activedescendant", item.id);
  } else {
    input.removeAttribute("aria-activedescendant");
  }
}

function onKey(event) {
  const count = list.children.length;
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    const step = event.key === "ArrowDown" ? 1 : -1;
    if (count) activate((active + step + count) % count);
  } else if (event.key === "Enter" && !event.isComposing) {
    event.preventDefault();
    list.children[active]?.querySelector("a").click();
  } else if (event.key === "Escape") {
    event.preventDefault(); // else it would only empty the field
    dialog.close();
  }
}

input.addEventListener("input", show);
input.addEventListener("keydown", onKey);
dialog.addEventListener("click", (event) => {
  // A click beside the dialog, and one on a result on this very page, close it.
  if (event.target === dialog || event.target.closest("a")) dialog.close();
});

// Colours, search (loaded when it is first used), and what makes reading the guide easier.
const root = document.documentElement;
const system = matchMedia("(prefers-color-scheme: dark)");
const toggle = document.querySelector("[data-theme-toggle]");

const isDark = () => (root.dataset.theme ?? (system.matches ? "dark" : "light")) === "dark";

function showTheme() {
  toggle.setAttribute("aria-pressed", String(isDark()));
}

function switchTheme() {
  const theme = isDark() ? "light" : "dark";
  // The system's own choice is not remembered: it may change in the evening.
  if ((theme === "dark") === system.matches) {
    delete root.dataset.theme;
  } else {
    root.dataset.theme = theme;
  }
  try {
    if (root.dataset.theme) localStorage.setItem("theme", theme);
    else localStorage.removeItem("theme");
  } catch {
    // Storage is blocked: the choice lasts for this page.
  }
  showTheme();
}

async function search() {
  const { openSearch } = await import("./search.js");
  openSearch();
}

const isTyping = (target) => target.closest("input, textarea, select, [contenteditable]");

showTheme();
system.addEventListener("change", showTheme);
toggle.addEventListener("click", switchTheme);
document.querySelector("[data-search-open]").addEventListener("click", search);
document.addEventListener("keydown", (event) => {
  const isSlash = event.key === "/" && !event.ctrlKey && !event.metaKey && !event.altKey;
  const isCommand = event.key === "k" && (event.ctrlKey || event.metaKey);
  if ((isSlash && !isTyping(event.target)) || isCommand) {
    event.preventDefault();
    search();
  }
});

// On a narrow screen the contents lie over the page they lead into.
for (const contents of document.querySelectorAll("[popover]")) {
  contents.addEventListener("click", (event) => {
    if (event.target.closest("a") && contents.matches(":popover-open")) contents.hidePopover();
  });
}

// What a command prints is not there to be copied.
const COPIED = ".prose > pre:not(:has(> .language-text))";

for (const block of navigator.clipboard ? document.querySelectorAll(COPIED) : []) {
  const frame = document.createElement("div");
  frame.className = "copied-from";
  const button = document.createElement("button");
  button.type = "button";
  button.className = "plain copy";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(block.textContent);
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy"), 2000);
  });
  block.replaceWith(frame);
  frame.append(block, button);
}

// The navigation of the guide scrolls by itself; begin where the reader is.
const current = document.querySelector(".guide-nav [aria-current]");
if (current) {
  const nav = current.closest("nav");
  nav.scrollTop = current.offsetTop - nav.clientHeight / 2;
}

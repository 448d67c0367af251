// The two buttons of the header: colours, and search, which is loaded when it is first used.
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

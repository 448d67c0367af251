// Run in a page: lists what a reader would stumble over. Each finding is a sentence.
(() => {
  const findings = [];
  const say = (what, element) => {
    const { tagName, id, className } = element;
    const classes = typeof className === "string" && className ? `.${className.split(" ").join(".")}` : "";
    const text = element.textContent.trim().replace(/\s+/g, " ").slice(0, 40);
    findings.push(`${what}: <${tagName.toLowerCase()}>${id ? `#${id}` : classes} ${text}`);
  };
  const all = (selector) => [...document.querySelectorAll(selector)];
  const isShown = (element) =>
    element.checkVisibility({ visibilityProperty: true, opacityProperty: true }) &&
    !element.closest(".hidden, .skip");

  // The document
  if (!document.documentElement.lang) findings.push("no lang");
  if (document.title.length < 5) findings.push("no title");
  const meta = (name) => document.querySelector(`meta[name=${name}]`)?.content ?? "";
  if (meta("description").length < 20) findings.push(`description too short: ${meta("description")}`);
  if (!meta("viewport").includes("width=device-width")) findings.push("no viewport");
  for (const landmark of ["main", "header", "footer"]) {
    if (all(`body > ${landmark}`).length !== 1) findings.push(`not one <${landmark}>`);
  }
  const ids = all("[id]").map((element) => element.id);
  for (const id of new Set(ids.filter((each, at) => ids.indexOf(each) !== at))) {
    findings.push(`the id ${id} stands twice`);
  }

  // Headings, in the order of the page's own content
  if (all("main h1").length !== 1) findings.push("not one <h1>");
  let depth = 0;
  for (const heading of all("main :is(h1, h2, h3, h4, h5, h6)").filter((h) => !h.closest("nav"))) {
    const level = Number(heading.tagName[1]);
    if (level > depth + 1) say(`a heading of level ${level} after ${depth}`, heading);
    depth = level;
  }

  // Names
  const nameOf = (element) =>
    element.getAttribute("aria-label") ??
    (element.getAttribute("aria-labelledby") ?? "")
      .split(" ")
      .map((id) => document.getElementById(id)?.textContent ?? "")
      .join(" ");
  for (const field of all("input, select, textarea")) {
    if (!field.labels.length && !nameOf(field).trim()) say("no label", field);
  }
  for (const control of all("a[href], button")) {
    const images = [...control.querySelectorAll("img")].map((image) => image.alt).join("");
    if (!(control.textContent + images + nameOf(control)).trim()) say("no name", control);
  }
  for (const image of all("img")) {
    if (!image.hasAttribute("alt")) say("no alt", image);
    if (!image.getAttribute("width") || !image.getAttribute("height")) say("no size", image);
  }
  for (const nav of all("nav")) if (!nameOf(nav).trim()) say("no name", nav);

  // Contrast: WCAG 2.2, 1.4.3
  const context = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const rgba = (color) => {
    context.clearRect(0, 0, 1, 1);
    context.fillStyle = color;
    context.fillRect(0, 0, 1, 1);
    return [...context.getImageData(0, 0, 1, 1).data].map((value) => value / 255);
  };
  const over = ([r, g, b, a], [R, G, B]) => [r * a + R * (1 - a), g * a + G * (1 - a), b * a + B * (1 - a), 1];
  const luminance = (color) => {
    const [r, g, b] = color.map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (a, b) => {
    const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x);
    return (light + 0.05) / (dark + 0.05);
  };
  // What may lie behind an element: several colours where an ancestor has a gradient.
  const backgrounds = (element) => {
    if (!element) return [rgba("Canvas")];
    const { backgroundColor, backgroundImage } = getComputedStyle(element);
    const stops = backgroundImage.match(/(?:rgba?|color|oklab)\([^()]*\)/g);
    if (stops) return stops.map(rgba);
    const own = rgba(backgroundColor);
    return own[3] === 1 ? [own] : backgrounds(element.parentElement).map((below) => over(own, below));
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const seen = new Set();
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (seen.has(element) || !walker.currentNode.data.trim() || !isShown(element)) continue;
    seen.add(element);
    const style = getComputedStyle(element);
    const size = parseFloat(style.fontSize);
    const isLarge = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    for (const behind of backgrounds(element)) {
      const ratio = contrast(over(rgba(style.color), behind), behind);
      if (ratio < (isLarge ? 3 : 4.5)) say(`contrast ${ratio.toFixed(2)}`, element);
    }
  }

  // Targets: WCAG 2.2, 2.5.8; a link in a line of text may be as small as the text.
  for (const control of all("a[href], button, input:not([type=hidden]), textarea").filter(isShown)) {
    const isInline = control.tagName === "A" && getComputedStyle(control).display === "inline";
    const { width, height } = control.getBoundingClientRect();
    if (!isInline && width && (width < 24 || height < 24)) {
      say(`a target of ${Math.round(width)} by ${Math.round(height)}`, control);
    }
  }

  // Nothing sticks out, but for what scrolls by itself.
  const { scrollWidth, clientWidth } = document.documentElement;
  if (scrollWidth > clientWidth) findings.push(`scrolls sideways: ${scrollWidth} in ${clientWidth}`);
  return findings;
})();

// Keeps an open page as its sources are. `firstlight dev` puts this behind every page it sends.
//
// The page as it was sent is compared with the page as it is sent now, and only what differs is
// changed in the document: scroll position, focus, what was typed and what scripts have made of
// the rest stay. Where that could show something else than a reload would, the page is reloaded.
(() => {
  "use strict";

  const own = document.currentScript;
  const { version: sentVersion, page, error } = own.dataset;
  const EVENTS = "/_firstlight/events";
  const KEPT = "firstlight-kept";
  const BUST = "_firstlight";
  const STYLE = /\.css$/i;
  const IMAGE = /\.(?:avif|gif|ico|jpe?g|png|svg|webp)$/i;
  // What scripts wait for clicks and input on; one that is new would be dead without them.
  const LIVE = "button, input, select, textarea, form, dialog, canvas, template";
  const SCRIPT = 'script:not([type="application/ld+json"])';

  const shownError = error !== undefined;
  let version = sentVersion;
  let sent = shownError ? "" : fetch(`/_firstlight/page?id=${page}`).then(textOf, () => null);
  let failedInside = ""; // the errors of what the page's own code asked for
  let stream = null;
  let count = 0;
  let work = Promise.resolve();

  class NeedsReload extends Error {}

  performance.setResourceTimingBufferSize(10000);
  document.addEventListener("visibilitychange", connect);
  addEventListener("pageshow", connect);
  addEventListener("pagehide", disconnect);
  connect();
  restore();

  // A browser opens six connections to a server: hidden pages give theirs back.
  function connect() {
    if (document.hidden) return disconnect();
    if (stream) return;
    stream = new EventSource(`${EVENTS}?since=${version}`);
    stream.addEventListener("change", (event) => enqueue(() => follow(JSON.parse(event.data))));
    stream.addEventListener("error", reconnect);
    stream.addEventListener("failure", (event) => {
      const failure = JSON.parse(event.data);
      if (failure.page !== address() || failure.html === failedInside) return;
      failedInside = failure.html;
      enqueue(() => overlay.show(failure.html));
    });
  }

  function disconnect() {
    stream?.close();
    stream = null;
  }

  // The browser's own attempt would ask for the changes since the version of long ago.
  function reconnect() {
    disconnect();
    setTimeout(connect, 300);
  }

  function enqueue(task) {
    work = work.then(task).catch((problem) => {
      if (!(problem instanceof NeedsReload)) console.error(problem);
      reload();
    });
  }

  async function follow(change) {
    version = change.version;
    if (!change.paths) throw new NeedsReload(); // another server
    const loaded = loadedPaths();
    const used = change.paths.filter((path) => path && loaded.has(path));
    if (used.some((path) => !STYLE.test(path) && !IMAGE.test(path))) throw new NeedsReload();
    await swapStyles(new Set(used.filter((path) => STYLE.test(path))));
    swapImages(used.filter((path) => IMAGE.test(path)));
    if (used.length < change.paths.length) await swapPage();
  }

  async function swapPage() {
    let response;
    try {
      const headers = { accept: "text/html", "x-firstlight-swap": "1" };
      response = await fetch(address(), { headers, cache: "no-store" });
    } catch {
      return; // The server went away; the next one reloads the page.
    }
    if (shownError) throw new NeedsReload();
    if (response.headers.has("x-firstlight-error")) return overlay.show(await response.text());
    if (failedInside) throw new NeedsReload();
    if (response.redirected) return location.replace(response.url);
    if (!response.headers.get("content-type")?.startsWith("text/html")) throw new NeedsReload();
    const text = await response.text();
    const before = await sent;
    overlay.hide();
    if (before === text) return;
    if (before === null) throw new NeedsReload();
    swapDocument(parsed(before), parsed(text));
    sent = text;
    dispatchEvent(new CustomEvent("firstlight:swap"));
  }

  function swapDocument(from, to) {
    if (doctype(from) !== doctype(to)) throw new NeedsReload();
    const hasScripts = from.querySelector(SCRIPT) !== null;
    swapElement(document.documentElement, from.documentElement, to.documentElement, hasScripts);
  }

  function swapElement(live, from, to, hasScripts) {
    if (from.outerHTML === to.outerHTML) return;
    if (from.matches(SCRIPT) || from.localName === "template" || live.shadowRoot) {
      throw new NeedsReload();
    }
    if (from.localName === "noscript") {
      live.textContent = to.innerHTML; // With scripts it holds text, parsed without it holds nodes.
      return;
    }
    swapAttributes(live, from, to);
    swapChildren(live, from, to, hasScripts);
  }

  function swapAttributes(live, from, to) {
    for (const { name } of from.attributes) {
      if (!to.hasAttribute(name)) live.removeAttribute(name);
    }
    for (const attribute of to.attributes) {
      if (from.getAttribute(attribute.name) === attribute.value) continue;
      if (attribute.name === "class") swapClasses(live, from, to);
      // A copy, because some names that a parser takes cannot be set: `@click`.
      else live.setAttributeNode(attribute.cloneNode());
    }
  }

  // What scripts have added stays.
  function swapClasses(live, from, to) {
    live.classList.remove(...from.classList);
    live.classList.add(...to.classList);
  }

  function swapChildren(live, from, to, hasScripts) {
    const [before, after] = [[...from.childNodes], [...to.childNodes]];
    const nodes = liveNodes(live, before);
    const partners = pairs(before, after);
    for (const [index, node] of before.entries()) {
      if (partners.includes(index)) continue;
      if (isScript(node)) throw new NeedsReload();
      nodes[index].remove();
    }
    let next = null;
    for (let index = after.length - 1; index >= 0; index--) {
      const [partner, node] = [partners[index], after[index]];
      if (partner === -1) {
        if (isScript(node) || (hasScripts && isLive(node))) throw new NeedsReload();
        const added = document.importNode(node, true);
        live.insertBefore(added, next);
        next = added;
      } else {
        next = nodes[partner];
        if (next.nodeType === Node.ELEMENT_NODE) {
          swapElement(next, before[partner], node, hasScripts);
        } else if (before[partner].data !== node.data) {
          next.data = node.data;
        }
      }
    }
  }

  // Finds the document's node of each node that was sent; what scripts have put between them is
  // passed over, what they have taken away cannot be told.
  function liveNodes(live, sentNodes) {
    const nodes = [...live.childNodes].filter((node) => node !== own && node !== overlay.host);
    const isSame = nodes.length === sentNodes.length;
    let index = 0;
    return sentNodes.map((node) => {
      while (index < nodes.length && !isAlike(nodes[index], node, isSame)) {
        if (isSame) throw new NeedsReload();
        index++;
      }
      if (index === nodes.length) throw new NeedsReload();
      return nodes[index++];
    });
  }

  function isAlike(live, node, isEnough) {
    if (live.nodeName !== node.nodeName) return false;
    const isOnly = ["HTML", "HEAD", "BODY", "MAIN"].includes(node.nodeName);
    return isEnough || isOnly || (node.id && live.id === node.id) || live.isEqualNode(node);
  }

  // Gives for each node that is to be the index of the one it comes from, -1 for none: those that
  // are the same first, then between them those of one kind, in their order.
  function pairs(before, after) {
    const partners = after.map(() => -1);
    const [old, fresh] = [before.map(textOfNode), after.map(textOfNode)];
    let [start, endOld, endFresh] = [0, old.length, fresh.length];
    while (start < Math.min(endOld, endFresh) && old[start] === fresh[start]) {
      partners[start] = start++;
    }
    while (Math.min(endOld, endFresh) > start && old[endOld - 1] === fresh[endFresh - 1]) {
      partners[--endFresh] = --endOld;
    }
    for (const [a, b] of common(old, fresh, start, endOld, endFresh)) partners[b] = a;
    let low = start;
    for (let b = start; b < endFresh; b++) {
      if (partners[b] !== -1) {
        low = partners[b] + 1;
        continue;
      }
      const high = partners.slice(b, endFresh).find((partner) => partner !== -1) ?? endOld;
      for (let a = low; a < high; a++) {
        if (before[a].nodeName !== after[b].nodeName || before[a].id !== after[b].id) continue;
        partners[b] = a;
        low = a + 1;
        break;
      }
    }
    return partners;
  }

  // The longest common subsequence of a stretch, as pairs of indexes.
  function common(old, fresh, start, endOld, endFresh) {
    const [rows, columns] = [endOld - start, endFresh - start];
    if (rows * columns > 4e6) return [];
    const lengths = Array.from({ length: rows + 1 }, () => new Uint16Array(columns + 1));
    for (let a = rows - 1; a >= 0; a--) {
      for (let b = columns - 1; b >= 0; b--) {
        lengths[a][b] =
          old[start + a] === fresh[start + b]
            ? lengths[a + 1][b + 1] + 1
            : Math.max(lengths[a + 1][b], lengths[a][b + 1]);
      }
    }
    const found = [];
    for (let a = 0, b = 0; a < rows && b < columns; ) {
      if (old[start + a] === fresh[start + b]) found.push([start + a++, start + b++]);
      else if (lengths[a + 1][b] >= lengths[a][b + 1]) a++;
      else b++;
    }
    return found;
  }

  function textOfNode(node) {
    return node.outerHTML ?? `${node.nodeName}${node.data}`;
  }

  function isScript(node) {
    return node.nodeType === Node.ELEMENT_NODE && (node.matches(SCRIPT) || !!node.querySelector(SCRIPT));
  }

  function isLive(node) {
    if (node.nodeType !== Node.ELEMENT_NODE) return false;
    return [node, ...node.querySelectorAll("*")].some(
      (each) => each.matches(LIVE) || [...each.attributes].some(({ name }) => name.startsWith("data-")),
    );
  }

  // A new sheet takes effect before the old one goes, so that the page is never without.
  async function swapStyles(paths) {
    if (!paths.size) return;
    for (const style of document.querySelectorAll("style")) {
      if (uses(style.sheet, paths)) style.textContent = `${style.textContent}`;
    }
    const links = [...document.querySelectorAll('link[rel~="stylesheet"][href]')];
    await Promise.all(
      links
        .filter((link) => paths.has(pathOf(link.href)) || uses(link.sheet, paths))
        .map((link) => {
          const fresh = link.cloneNode();
          fresh.href = busted(link.href);
          const isDone = new Promise((done) => {
            fresh.addEventListener("load", done);
            fresh.addEventListener("error", done);
          });
          link.after(fresh);
          return isDone.then(() => link.remove());
        }),
    );
  }

  function uses(sheet, paths) {
    if (!sheet) return false;
    let rules;
    try {
      rules = [...sheet.cssRules];
    } catch {
      return false; // of another origin
    }
    return rules.some(
      (rule) =>
        rule instanceof CSSImportRule &&
        (paths.has(pathOf(new URL(rule.href, sheet.href ?? document.baseURI))) ||
          uses(rule.styleSheet, paths)),
    );
  }

  function swapImages(paths) {
    for (const path of paths) {
      let isFound = false;
      const isIt = (url) => url && pathOf(new URL(url, document.baseURI)) === path;
      const swap = (element, name, value) => {
        isFound = true;
        element.setAttribute(name, value);
      };
      for (const element of document.querySelectorAll("img, source, video, input, link[rel~=icon]")) {
        for (const name of ["src", "href", "poster"]) {
          const url = element.getAttribute(name);
          if (isIt(url)) swap(element, name, busted(new URL(url, document.baseURI)));
        }
        const candidates = element.getAttribute("srcset")?.trim().split(/\s*,\s+|,(?=\S+\s)/);
        if (candidates?.some((candidate) => isIt(candidate.split(/\s/)[0]))) {
          const fresh = candidates.map((candidate) => {
            const [url, ...size] = candidate.split(/\s+/);
            return [isIt(url) ? busted(new URL(url, document.baseURI)) : url, ...size].join(" ");
          });
          swap(element, "srcset", fresh.join(", "));
        }
      }
      if (!isFound) throw new NeedsReload(); // a background, or a script's own
    }
  }

  function busted(url) {
    const fresh = new URL(url);
    fresh.searchParams.set(BUST, `${Date.now()}-${count++}`);
    return fresh.href;
  }

  function loadedPaths() {
    const urls = performance.getEntriesByType("resource").map(({ name }) => name);
    const elements = document.querySelectorAll("link[href], script[src], img[src], source[src]");
    for (const element of elements) urls.push(element.href ?? element.src);
    return new Set(urls.map(pathOf));
  }

  // The decoded path of an address of this server, else nothing.
  function pathOf(address) {
    try {
      const url = new URL(address);
      return url.origin === location.origin ? decodeURIComponent(url.pathname) : "";
    } catch {
      return "";
    }
  }

  function address() {
    return location.href.split("#")[0];
  }

  function parsed(text) {
    return new DOMParser().parseFromString(text, "text/html");
  }

  function doctype({ doctype }) {
    return doctype && `${doctype.name} ${doctype.publicId} ${doctype.systemId}`;
  }

  function textOf(response) {
    return response.ok ? response.text() : null;
  }

  // The browser keeps the scroll position, the rest is on us.
  function reload() {
    const fields = [...document.querySelectorAll("input, textarea, select")];
    const typed = fields.filter(isTyped).map((field) => [steps(field), field.value, field.checked]);
    const kept = { address: address(), focus: steps(document.activeElement), typed };
    sessionStorage.setItem(KEPT, JSON.stringify(kept));
    location.reload();
  }

  function restore() {
    const kept = JSON.parse(sessionStorage.getItem(KEPT));
    sessionStorage.removeItem(KEPT);
    if (kept?.address !== address()) return;
    for (const [path, value, checked] of kept.typed) {
      const field = nodeAt(path);
      if (field?.form === undefined) continue;
      field.value = value;
      field.checked = checked;
    }
    const focused = nodeAt(kept.focus);
    if (focused && focused !== document.body) focused.focus?.({ preventScroll: true });
  }

  function isTyped(field) {
    if (["password", "file", "hidden"].includes(field.type)) return false;
    if (field.localName === "select") return true;
    return field.value !== field.defaultValue || field.checked !== field.defaultChecked;
  }

  // Where a node is: its index in its parent, its parent's in its own, …
  function steps(node) {
    const indexes = [];
    for (; node?.parentElement; node = node.parentElement) {
      indexes.unshift([...node.parentElement.children].indexOf(node));
    }
    return indexes;
  }

  function nodeAt(indexes) {
    return indexes.reduce((parent, index) => parent?.children[index], document.documentElement);
  }

  // The errors' own page in a dialog above this one, its styles apart from the page's.
  const overlay = {
    host: null,
    show(html) {
      this.hide();
      const source = parsed(html);
      this.host = document.createElement("firstlight-errors");
      const root = this.host.attachShadow({ mode: "open" });
      const sheet = new CSSStyleSheet(); // allowed where a policy forbids inline styles
      sheet.replaceSync(source.querySelector("style").textContent);
      root.adoptedStyleSheets = [sheet];
      const dialog = document.createElement("dialog");
      dialog.setAttribute("aria-label", source.title);
      dialog.innerHTML = '<form method="dialog"><button>Hide <kbd>Esc</kbd></button></form>';
      dialog.append(document.importNode(source.querySelector("main"), true));
      dialog.addEventListener("close", () => this.hide());
      root.append(dialog);
      document.documentElement.append(this.host);
      dialog.showModal();
      dialog.scrollTop = 0;
    },
    hide() {
      const host = this.host;
      this.host = null;
      host?.shadowRoot.querySelector("dialog").close(); // gives the focus back
      host?.remove();
    },
  };
})();

// Keys, lists, menus and the proof on htmx requests. Everything here is a convenience: pages work without it.
(() => {
  "use strict";
  const one = (selector, from = document) => from.querySelector(selector);
  const isTyping = (target) => target.closest("input:not([type=radio]):not([type=checkbox]), textarea, select, [contenteditable]");

  document.addEventListener("htmx:configRequest", (event) => {
    const proof = one("meta[name=csrf]");
    if (proof) event.detail.headers["X-CSRF-Token"] = proof.content;
  });

  // A dropped line is said in words; the server's own errors arrive as fragments.
  document.addEventListener("htmx:sendError", () => {
    const box = one("#offline");
    if (box) box.hidden = false;
  });
  document.addEventListener("htmx:afterOnLoad", () => {
    const box = one("#offline");
    if (box) box.hidden = true;
  });

  // On a phone the menu slides: the page that is open is in sight.
  const here = one(".bar nav [aria-current]");
  if (here) here.parentElement.scrollLeft = here.offsetLeft - (here.parentElement.clientWidth - here.offsetWidth) / 2;

  function goFind() {
    const box = one("[data-find]");
    if (box) { box.focus(); box.select(); return; }
    const link = one("[data-key='F2']");
    if (link) location.assign(link.href);
  }

  const items = (list) => [...list.querySelectorAll("a[data-item]")];

  function move(event) {
    const box = event.target.closest("[data-list-for]");
    const here = event.target === document.body ? one("[data-list]") : event.target.closest("[data-list]");
    const list = box ? document.getElementById(box.dataset.listFor) : here;
    if (!list) return;
    const all = items(list);
    if (!all.length) return;
    const at = all.indexOf(document.activeElement);
    let next = null;
    if (event.key === "ArrowDown") next = all[Math.min(at + 1, all.length - 1)];
    else if (event.key === "ArrowUp") next = at <= 0 ? one(`[data-list-for='${list.id}']`) || all[0] : all[at - 1];
    else if (!box && event.key === "Home") next = all[0];
    else if (!box && event.key === "End") next = all[all.length - 1];
    if (next) { event.preventDefault(); next.focus(); }
  }

  // What was typed and is kept nowhere yet. The note of a visit keeps itself.
  const isUnsaved = () => [...document.querySelectorAll("main form[method=post] input[type=text], main form[method=post] textarea")]
    .some((field) => field.value !== field.defaultValue && field.offsetParent && !field.closest("#note-form, [role=search]"));

  // The keys of this screen are read off its own buttons, so the list is never out of date; a page adds others in `keys`.
  function showKeys() {
    const dialog = one("#keys"), own = one("#keys-own"), seen = new Set();
    if (!dialog) return;
    const rows = one("tbody", own);
    rows.replaceChildren();
    document.querySelectorAll("main [data-key], main [data-visit-key], main [data-escape]").forEach((target) => {
      const key = target.dataset.key || target.dataset.visitKey || "Esc", words = target.cloneNode(true);
      words.querySelectorAll("kbd, .off").forEach((part) => part.remove());
      if (seen.has(key) || !target.offsetParent || !words.textContent.trim()) return;
      seen.add(key);
      const row = rows.insertRow();
      row.insertCell().append(Object.assign(document.createElement("kbd"), { textContent: key }));
      row.insertCell().textContent = words.textContent.trim();
    });
    own.hidden = !own.querySelector("tr");
    dialog.querySelectorAll("[data-everywhere]").forEach((row) => { row.hidden = seen.has(row.dataset.everywhere); });
    dialog.querySelectorAll("[data-needs]").forEach((row) => { row.hidden = !one(row.dataset.needs); });
    dialog.showModal();
  }

  document.addEventListener("keydown", (event) => {
    const open = one("dialog[open]");
    if (event.key === "F2" || (event.key.toLowerCase() === "k" && event.ctrlKey)) { event.preventDefault(); goFind(); return; }
    if (!open && (event.key === "F1" || (event.key === "?" && !isTyping(event.target)))) { event.preventDefault(); showKeys(); return; }
    if (event.key === "Escape" && !open) {
      const menu = one("details[open].menu");
      if (menu) { menu.open = false; one("summary", menu).focus(); return; }
      const back = one("[data-escape]");
      if (back && !isTyping(event.target) && (!isUnsaved() || window.confirm(one("#keys").dataset.leave))) back.click();
      return;
    }
    if (event.altKey && /^[1-9]$/.test(event.key)) {
      const tab = document.querySelectorAll(".tabs a")[Number(event.key) - 1];
      if (tab) { event.preventDefault(); tab.click(); }
      return;
    }
    if (/^F\d+$/.test(event.key)) {
      const target = one(`main [data-key='${event.key}']`) || one(`[data-key='${event.key}']`); // the page before the menu
      if (target) { event.preventDefault(); target.click(); }
      return;
    }
    move(event);
  });

  // The menu shows no key that this page takes for itself.
  document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll("header [data-key]").forEach((link) => {
      if (!one(`main [data-key='${link.dataset.key}'], main [data-visit-key='${link.dataset.key}']`)) return;
      link.removeAttribute("aria-keyshortcuts");
      one("kbd", link)?.remove();
    });
  });

  // Where a narrow place stacks a table, each cell says what it is.
  function label() {
    document.querySelectorAll("table.stack").forEach((table) => {
      const titles = [...table.querySelectorAll("thead th")].map((title) => one(".off", title) ? "" : title.textContent.trim());
      table.querySelectorAll("tbody tr").forEach((row) => [...row.cells].forEach((cell, at) => {
        if (at && titles[at] && cell.colSpan === 1 && cell.textContent.trim()) cell.dataset.label = titles[at];
      }));
    });
  }
  label();
  document.addEventListener("htmx:afterSwap", label);

  // What cannot be undone is asked once more.
  document.addEventListener("click", (event) => {
    const asks = event.target.closest("[data-confirm]");
    if (asks && !window.confirm(asks.dataset.confirm)) { event.preventDefault(); event.stopPropagation(); }
  }, true);

  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-print]")) window.print();
    if (event.target.closest("[data-keys]")) showKeys();
    if (event.target.closest("[data-close]")) event.target.closest("dialog")?.close();
    const menu = one("details[open].menu");
    if (menu && !menu.contains(event.target)) menu.open = false;
    // On a wide screen an entry opens beside the list; elsewhere, and with Ctrl, it is an ordinary link.
    const link = event.target.closest("a[data-beside]");
    const side = link && document.getElementById(link.dataset.beside);
    if (side && !event.ctrlKey && !event.metaKey && !event.shiftKey && matchMedia("(min-width: 70rem)").matches) {
      event.preventDefault();
      document.querySelectorAll("a[data-beside][aria-current]").forEach((other) => other.removeAttribute("aria-current"));
      link.setAttribute("aria-current", "true");
      htmx.ajax("GET", link.href, { target: side, swap: "innerHTML" });
    }
  });

  // Leaving the desk: the lock comes by itself before the server's idle end would.
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-submit]")) event.target.form.requestSubmit();
  });
})();
